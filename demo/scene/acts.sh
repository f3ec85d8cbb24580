# What happens in the office. The times between the acts are real, as in the recording.

arrive() {
	local room
	for room in iris tom; do
		inside "$room" ip link set lan up
		sleep 1
		inside "$room" busybox udhcpc -f -q -n -i lan -x "hostname:$(name_of "$room")" -s "$scene/etc/udhcpc"
	done
	# -Q asks for the time and prints it; the clock stays as it is.
	inside iris "$work/unpacked/usr/sbin/chronyd" -Q -t 4 -u root 'server time.halden.example iburst maxsamples 2' \
		'cmdport 0' "pidfile $work/chrony-client.pid"
	register_desks
}

read_mail_in_clear() {
	inside iris fetchmail --fetchmailrc "$work/etc/fetchmailrc" --nosyslog --idfile "$work/fetchids" --pidfile "$work/fetchmail.pid"
	sleep 2
	inside tom mpop --host=mail.halden.example --user=tom --auth=user --passwordeval="echo $TOM_MAIL" --tls=off \
		--keep=on --uidls-file="$work/uidls" --delivery="mbox,$work/tom.mbox" --received-header=off
}

send_mail_in_clear() {
	local letter=$work/letter
	sed "s/%DATE%/$(date -R)/" "$scene/post/to-nell.eml" >"$letter"
	inside iris swaks --server mail.halden.example --port 587 --helo iris-desk.halden.example \
		--auth LOGIN --auth-user iris --auth-password "$IRIS_MAIL" \
		--from iris@halden.example --to nell@courier.example --data "@$letter"
	sleep 2
	inside tom curl -sS --user "tom:$TOM_MAIL" --login-options AUTH=PLAIN smtp://mail.halden.example:587/tom-laptop.halden.example \
		--mail-from tom@halden.example --mail-rcpt iris@halden.example \
		-H 'From: Tom Marsh <tom@halden.example>' -H 'To: Iris Halden <iris@halden.example>' \
		-H 'Subject: Settlement, draft 3' -H "Date: $(date -R)" -H 'Message-ID: <draft.3@halden.example>' \
		-F "=<$scene/post/to-iris.txt;type=text/plain" \
		-F "file=@$scene/papers/settlement.pdf;type=application/pdf;encoder=base64"
}

mail_over_starttls() {
	local trust="--ssl-reqd --cacert $work/tls/mail.halden.example.pem"
	inside iris curl -sS $trust --user "iris:$IRIS_MAIL" smtp://mail.halden.example:587/iris-desk.halden.example \
		--mail-from iris@halden.example --mail-rcpt nell@courier.example -T "$scene/post/sealed.eml"
	sleep 1
	inside iris curl -sS $trust --user "iris:$IRIS_MAIL" 'imap://mail.halden.example/INBOX;MAILINDEX=2'
}

browse() {
	local site=http://www.halden.example
	# One connection for the page, the form, and what the form leads to.
	inside iris curl -sS -b '' -A 'Office browser' "$site/" \
		--next -sS -b '' -c "$work/cookies" -A 'Office browser' -d "username=iris&password=$IRIS_FORM" "$site/login" \
		--next -sS -b "$work/cookies" -A 'Office browser' "$site/diary.html"
	sleep 1
	inside iris curl -sS -A 'Office browser' --user "iris:$IRIS_WEB" "$site/files/contract.txt"
	inside iris curl -sS -A 'Office browser' -o /dev/null "$site/favicon.ico"
	sleep 1
	inside tom curl -sS --compressed http://www.registry.example/
}

store_file() {
	local store="ftp://ftp.halden.example/"
	inside tom curl -sS --user "filing:$FILING_PASSWORD" "$store"
	sleep 1
	inside tom curl -sS --disable-epsv --user "filing:$FILING_PASSWORD" -T "$scene/papers/contract.txt" "$store"
}

browse_sealed() {
	local page=letters-of-last-year.html
	inside tom curl -sS -o /dev/null --tls-max 1.2 --cacert "$work/tls/archive.halden.example.pem" "https://archive.halden.example/$page"
	sleep 1
	inside iris curl -sS -o /dev/null --cacert "$work/tls/portal.registry.example.pem" https://portal.registry.example/docket.html
	sleep 1
	inside iris "$tls_pair" client vault.halden.example:443 vault.halden.example "$work/tls/vault.halden.example.pem" "$scene/web/vault-request.txt"
}

use_shell() {
	local options="-F none -i $work/ssh/tom_key -o UserKnownHostsFile=$work/ssh/known_hosts -o GlobalKnownHostsFile=none -o BatchMode=yes"
	# Once with what both ends prefer (a post-quantum hybrid), once as an older client does it.
	inside tom ssh $options -4 filing@shell.halden.example cat case-118.txt
	sleep 1
	inside tom ssh $options -6 -o KexAlgorithms=curve25519-sha256 filing@shell.halden.example 'ls; cat case-118.txt'
}

manage_gateway() {
	inside tom snmpget -v2c -c harbour-ro -m '' -On gateway.halden.example .1.3.6.1.2.1.1.1.0 .1.3.6.1.2.1.1.5.0 .1.3.6.1.2.1.1.6.0
	local line i
	{
		sleep 1.5
		for line in admin "$GATEWAY_PASSWORD" 'show version' 'show users' exit; do
			for ((i = 0; i < ${#line}; i++)); do
				printf %s "${line:i:1}"
				sleep 0.09
			done
			printf '\r'
			sleep 0.8
		done
		sleep 1
		# busybox's telnet calls it a failure when the other end closes, as it does here after "exit".
	} | inside tom busybox telnet gateway.halden.example || true
}

look_up_mail_domain() {
	# Where would a letter to the newspaper go?
	inside tom busybox nslookup -type=mx courier.example
}

# The calls go on while other things happen, as they do.
play() {
	local first second
	arrive
	sleep 5
	read_mail_in_clear
	sleep 4
	call iris press sip:nell@courier.example &
	first=$!
	sleep 4
	browse
	sleep 5
	look_up_mail_domain
	send_mail_in_clear
	wait "$first"
	sleep 6
	use_shell
	sleep 5
	mail_over_starttls
	sleep 5
	call tom bank sip:desk@northgate.example &
	second=$!
	sleep 4
	browse_sealed
	sleep 5
	store_file
	wait "$second"
	sleep 5
	manage_gateway
	sleep 4
}
