# The telephones and their two calls.

# phone ROOM NAME ADDRESS PORTS VOICE ACCOUNT: a telephone with one account, waiting.
phone() {
	local dir=$work/phone/$2
	configure baresip.conf "$dir/config" "ADDRESS=$3" "PORTS=$4" "VOICE=$5"
	echo "$6" >"$dir/accounts"
	: >"$dir/contacts"
	inside "$1" baresip -f "$dir" >"$work/log/phone-$2" 2>&1 </dev/null &
}

# The desks register with the office's exchange and call through it; the others answer by themselves.
register_desks() {
	local exchange='outbound="sip:halden.example";regint=600'
	phone iris iris 192.0.2.21 10000-10020 "$work/voice/press-iris.wav" \
		"<sip:iris@halden.example>;auth_user=iris;auth_pass=$IRIS_PHONE;$exchange;audio_codecs=PCMU"
	phone tom tom 192.0.2.22 12000-12020 "$work/voice/bank-tom.wav" \
		"<sip:tom@halden.example>;auth_user=tom;auth_pass=$TOM_PHONE;$exchange;audio_codecs=PCMA"
}

start_other_telephones() {
	phone press nell 203.0.113.40 20000-20020 "$work/voice/press-nell.wav" \
		'<sip:nell@courier.example>;regint=0;answermode=auto;audio_codecs=PCMU'
	phone bank bank 203.0.113.160 22000-22020 "$work/voice/bank-bank.wav" \
		'<sip:desk@northgate.example>;regint=0;answermode=auto;audio_codecs=PCMA'
}

# keys ROOM TEXT: what a finger does on the telephone there, by way of its console on loopback.
keys() {
	inside "$1" bash -c 'printf %b "$1" >/dev/udp/127.0.0.1/5555' bash "$2"
}

# call ROOM CALL ADDRESS: dials, presses the keys when their time has come, hangs up at the end.
call() {
	local room=$1 call=$2 at text now=0 i
	keys "$room" "/dial $3\n"
	while read -r at text; do
		sleep "$(awk "BEGIN { print $at - $now }")"
		for ((i = 0; i < ${#text}; i++)); do
			keys "$room" "${text:i:1}"
			sleep 0.2
			# The finger leaves the key.
			keys "$room" '\x04'
			sleep 0.2
		done
		now=$(awk "BEGIN { print $at + ${#text} * 0.4 }")
	done <"$work/voice/$call.keys"
	sleep "$(awk "BEGIN { print $(cat "$work/voice/$call.seconds") - $now + 0.6 }")"
	keys "$room" '/hangup\n'
}
