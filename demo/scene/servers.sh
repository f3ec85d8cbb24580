# Starts the servers, each with its own configuration from etc/ and its own place for data.

# configure FILE TO [NAME=VALUE...]: writes a configuration with its @NAMES@ filled in.
configure() {
	local from=$scene/etc/$1 to=$2 each
	local -a edits=(-e "s|@WORK@|$work|g")
	shift 2
	for each; do edits+=(-e "s|@${each%%=*}@|${each#*=}|g"); done
	mkdir -p "$(dirname "$to")"
	sed "${edits[@]}" "$from" >"$to"
}

# serve ROOM LOG COMMAND...: leaves a server running. Its /run is its own, so that pid files and
# sockets of the machine's services are neither seen nor touched.
serve() {
	local room=$1 log=$2
	shift 2
	inside "$room" sh -c 'mount -t tmpfs tmpfs /run; mkdir -p /run/sshd; exec "$@"' sh "$@" \
		>"$work/log/$log" 2>&1 </dev/null &
}

# certificate NAME: a key and a certificate that signs itself; the clients trust exactly this one.
certificate() {
	openssl req -x509 -newkey rsa:2048 -nodes -sha256 -days 730 -subj "/CN=$1" \
		-addext "subjectAltName=DNS:$1" -addext 'basicConstraints=critical,CA:FALSE' \
		-keyout "$work/tls/$1.key" -out "$work/tls/$1.pem" 2>/dev/null
}

# pages BYTES: text of that size, for sealed conversations, where only its length shows.
pages() {
	head -c "$1" <(yes 'This page is sealed; what shows is that it was fetched, and how long it is.')
}

start_gateway() {
	configure dnsmasq.conf "$work/etc/dnsmasq.conf"
	configure snmpd.conf "$work/etc/snmpd.conf"
	configure inetd.conf "$work/etc/inetd.conf"
	configure console "$work/etc/console"
	chmod +x "$work/etc/console"
	serve gate dnsmasq dnsmasq --conf-file="$work/etc/dnsmasq.conf"
	serve gate snmpd env SNMP_PERSISTENT_DIR="$work/snmp" snmpd -f -Lo -C -c "$work/etc/snmpd.conf" -p "$work/snmpd.pid"
	serve gate inetd "$work/unpacked/usr/sbin/inetutils-inetd" -d -p "$work/inetd.pid" "$work/etc/inetd.conf"
}

start_time() {
	configure chrony.conf "$work/etc/chrony.conf"
	# -x: it never sets the clock of the machine.
	serve host chronyd "$work/unpacked/usr/sbin/chronyd" -x -d -u root -f "$work/etc/chrony.conf"
}

start_mail() {
	certificate mail.halden.example
	configure postfix-main.cf "$work/etc/postfix/main.cf"
	configure postfix-master.cf "$work/etc/postfix/master.cf"
	configure dovecot.conf "$work/etc/dovecot.conf"
	configure fetchmailrc "$work/etc/fetchmailrc" "IRIS_MAIL=$IRIS_MAIL"
	chmod 600 "$work/etc/fetchmailrc"
	printf '%s iris/\n' iris@halden.example >"$work/etc/postfix/mailboxes"
	printf '%s tom/\n' tom@halden.example >>"$work/etc/postfix/mailboxes"
	printf '%s nell/\n' nell@courier.example >>"$work/etc/postfix/mailboxes"
	printf 'iris:{PLAIN}%s\ntom:{PLAIN}%s\n' "$IRIS_MAIL" "$TOM_MAIL" >"$work/etc/dovecot-users"
	local who
	for who in iris tom nell; do mkdir -p "$work/mail/$who"/{cur,new,tmp}; done
	cp "$scene/post/from-nell.eml" "$work/mail/iris/new/1.halden"
	cp "$scene/post/to-tom.eml" "$work/mail/tom/new/1.halden"
	chown -R 5000:5000 "$work/mail"
	mkdir -p "$work/postfix/queue/private" "$work/postfix/data" "$work/dovecot/run" "$work/dovecot/state"
	# Dovecot puts its socket for logins here, before Postfix would make the directory.
	chown postfix "$work/postfix/data" "$work/postfix/queue/private"
	chmod 700 "$work/postfix/queue/private"
	serve host dovecot dovecot -F -c "$work/etc/dovecot.conf"
	serve host postfix postfix -c "$work/etc/postfix" start-fg
}

start_files() {
	configure vsftpd.conf "$work/etc/vsftpd.conf"
	mkdir -p "$work/home" "$work/ftp-empty"
	cp "$scene/papers/settlement.pdf" "$work/home/"
	chown -R 5000:5000 "$work/home"
	serve host vsftpd vsftpd "$work/etc/vsftpd.conf"
}

start_web() {
	certificate archive.halden.example
	certificate portal.registry.example
	certificate vault.halden.example
	configure nginx.conf "$work/etc/nginx.conf"
	mkdir -p "$work/nginx" "$work/web/files" "$work/sealed"
	cp "$scene"/web/*.html "$work/web/"
	cp "$scene/papers/contract.txt" "$work/web/files/"
	pages 100000 >"$work/sealed/letters-of-last-year.html"
	pages 150000 >"$work/sealed/docket.html"
	printf 'iris:%s\n' "$(openssl passwd -apr1 "$IRIS_WEB")" >"$work/etc/nginx-users"
	serve host nginx nginx -e "$work/nginx/error.log" -p "$work/nginx" -c "$work/etc/nginx.conf" -g 'daemon off;'
	serve host tls-pair "$tls_pair" server '[2001:db8:51::83]:443' \
		"$work/tls/vault.halden.example.pem" "$work/tls/vault.halden.example.key" 100000
}

start_shell() {
	configure sshd_config "$work/etc/sshd_config"
	mkdir -p "$work/ssh"
	ssh-keygen -q -t ed25519 -N '' -C host -f "$work/ssh/host_key"
	ssh-keygen -q -t ed25519 -N '' -C tom -f "$work/ssh/tom_key"
	cp "$work/ssh/tom_key.pub" "$work/ssh/authorized_keys"
	pages 30000 >"$work/home/case-118.txt"
	printf '[shell.halden.example]:22,shell.halden.example %s\n' "$(cat "$work/ssh/host_key.pub")" >"$work/ssh/known_hosts"
	serve host sshd /usr/sbin/sshd -D -e -f "$work/etc/sshd_config"
}

start_exchange() {
	configure kamailio.cfg "$work/etc/kamailio.cfg" "IRIS_PHONE=$IRIS_PHONE" "TOM_PHONE=$TOM_PHONE"
	mkdir -p "$work/kamailio"
	serve host kamailio kamailio -f "$work/etc/kamailio.cfg" -DD -E -m 16 -M 4 -Y "$work/kamailio" -P "$work/kamailio/pid"
}
