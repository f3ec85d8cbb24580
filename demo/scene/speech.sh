# Makes the callers' voices: one file a speaker, silent while the other one speaks.

# One spoken line as telephone sound: 8,000 samples a second, one channel, 16 bits.
say() {
	local speaker=$1 text=$2 to=$3 voice
	case $speaker in
	iris) voice='-v en-gb+f3 -s 160 -p 55' ;;
	nell) voice='-v en-us+f2 -s 170 -p 45' ;;
	tom) voice='-v en-gb+m3 -s 165' ;;
	bank) voice='-v en-gb+f5 -s 155 -p 70' ;;
	esac
	espeak-ng $voice -w "$to.wide.wav" "$text"
	# The level is lowered so that changing the sample rate cannot clip.
	sox "$to.wide.wav" -r 8000 -c 1 -b 16 "$to" gain -3 pad 0 0.35
}

quiet() {
	sox -n -r 8000 -c 1 -b 16 "$2" trim 0 "$1"
}

# speak CALL CALLER CALLEE: reads calls/CALL.txt and writes voice/CALL-SPEAKER.wav for both, and
# voice/CALL.keys ("seconds keys") for what is pressed rather than said.
speak() {
	local call=$1 line speaker text n=0 at=0 each seconds dir=$work/voice
	local -A heard=()
	mkdir -p "$dir"
	: >"$dir/$call.keys"
	# Time for the callee to answer before the first word.
	quiet 0.8 "$dir/$call-lead.wav"
	for each in "$2" "$3"; do heard[$each]="$dir/$call-lead.wav"; done
	at=0.8
	while IFS= read -r line; do
		case $line in '#'* | '') continue ;; esac
		speaker=${line%%:*} text=${line#*: } n=$((n + 1))
		case $text in
		\[*\])
			text=${text//[\[\]]/}
			echo "$at $text" >>"$dir/$call.keys"
			seconds=$(awk "BEGIN { print ${#text} * 0.4 + 0.6 }")
			quiet "$seconds" "$dir/$call-$n.wav"
			;;
		*)
			say "$speaker" "$text" "$dir/$call-$n.wav"
			seconds=$(soxi -D "$dir/$call-$n.wav")
			;;
		esac
		quiet "$seconds" "$dir/$call-$n-quiet.wav"
		for each in "$2" "$3"; do
			if [ "$each" = "$speaker" ]; then
				heard[$each]+=" $dir/$call-$n.wav"
			else
				heard[$each]+=" $dir/$call-$n-quiet.wav"
			fi
		done
		at=$(awk "BEGIN { print $at + $seconds }")
	done <"$scene/calls/$call.txt"
	for each in "$2" "$3"; do
		# Longer than the call, so that the sound never ends before the caller hangs up.
		sox ${heard[$each]} "$dir/$call-$each.wav" pad 0 20
	done
	echo "$at" >"$dir/$call.seconds"
}
