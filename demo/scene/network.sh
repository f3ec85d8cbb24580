# The rooms of the scene: six network namespaces, joined by veth pairs, with no way out.
#
#   iris ---+                          +--- host   the hosting company
#           |- bridge "lan" -- gate ---+--- press  a newspaper's telephone
#   tom ----+     (the tap)            +--- bank   a bank's telephone

# A room's name in the kernel carries a prefix, so that no namespace of somebody else is touched.
rooms='gate iris tom host press bank'
prefix=overheard-

# What a program in the room believes the machine to be called: some write it into what they send.
name_of() {
	case $1 in
	gate) echo gateway ;;
	iris) echo iris-desk ;;
	tom) echo tom-laptop ;;
	*) echo "$1" ;;
	esac
}

# inside ROOM COMMAND...: run a command there, under the room's own machine name.
inside() {
	local room=$1
	shift
	ip netns exec "$prefix$room" unshare --uts sh -c 'hostname "$1"; shift; exec "$@"' sh "$(name_of "$room")" "$@"
}

# join ROOM-A NAME-A MAC-A ROOM-B NAME-B MAC-B: a cable between two rooms.
join() {
	ip link add "$2" netns "$prefix$1" address "$3" type veth peer name "$5" netns "$prefix$4" address "$6"
	# The capture should hold what a wire would carry: whole checksums, no giant segments.
	inside "$1" ethtool -K "$2" tx off sg off tso off gso off gro off >/dev/null
	inside "$4" ethtool -K "$5" tx off sg off tso off gso off gro off >/dev/null
}

# An IPv6 address that is checked for duplicates first cannot be used in the first second.
address() {
	local room=$1 port=$2 each
	shift 2
	for each; do
		case $each in
		*:*) inside "$room" ip address add "$each" dev "$port" nodad ;;
		*) inside "$room" ip address add "$each" dev "$port" ;;
		esac
	done
}

build_network() {
	local room file
	for room in $rooms; do
		# Files here stand in for those of /etc, for programs inside the room only.
		mkdir -p "/etc/netns/$prefix$room"
		echo 'nameserver 192.0.2.1' >"/etc/netns/$prefix$room/resolv.conf"
		ip netns add "$prefix$room"
		inside "$room" sysctl -q -w net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0 \
			net.ipv6.conf.default.use_tempaddr=0 net.ipv6.conf.default.addr_gen_mode=0
		inside "$room" ip link set lo up
	done
	# The servers' room knows the people of the office as users, for files and for shells.
	for file in passwd group shadow; do
		cp -p "/etc/$file" "/etc/netns/${prefix}host/$file"
	done
	printf '%s:x:5000:5000::%s:/bin/sh\n' filing "$work/home" >>"/etc/netns/${prefix}host/passwd"
	printf '%s:x:5000:\n' office >>"/etc/netns/${prefix}host/group"
	printf '%s:%s:19000:0:99999:7:::\n' filing "$(openssl passwd -6 "$FILING_PASSWORD")" >>"/etc/netns/${prefix}host/shadow"

	inside gate ip link add lan address 00:00:5e:00:53:01 type bridge mcast_snooping 0
	inside gate ethtool -K lan tx off sg off tso off gso off gro off >/dev/null
	# Addresses of the hardware are those that RFC 7042 keeps for documentation.
	join gate port1 00:00:5e:00:53:f1 iris lan 00:00:5e:00:53:21
	join gate port2 00:00:5e:00:53:f2 tom lan 00:00:5e:00:53:22
	join gate line1 00:00:5e:00:53:02 host wan 00:00:5e:00:53:51
	join gate line2 00:00:5e:00:53:03 press wan 00:00:5e:00:53:61
	join gate line3 00:00:5e:00:53:04 bank wan 00:00:5e:00:53:71

	inside gate sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	# The ports have no addresses of their own; without this each would chatter over the bridge.
	inside gate sysctl -q -w net.ipv6.conf.port1.disable_ipv6=1 net.ipv6.conf.port2.disable_ipv6=1
	inside gate ip link set port1 master lan up
	inside gate ip link set port2 master lan up
	address gate lan 192.0.2.1/24 2001:db8:10::1/64
	address gate line1 198.51.100.1/24 2001:db8:51::1/64
	address gate line2 203.0.113.1/25
	address gate line3 203.0.113.129/25
	address host wan 198.51.100.{21,22,25,50,80,81,82,123}/24 2001:db8:51::{22,83,84}/64
	address press wan 203.0.113.40/25
	address bank wan 203.0.113.160/25
	inside gate ip link set lan up
	for room in 1 2 3; do inside gate ip link set "line$room" up; done
	for room in host press bank; do inside "$room" ip link set wan up; done
	inside host ip route add default via 198.51.100.1
	inside host ip -6 route add default via 2001:db8:51::1
	inside press ip route add default via 203.0.113.1
	inside bank ip route add default via 203.0.113.129
}

# Ends what runs in the rooms, and only that, then takes the rooms down.
remove_network() {
	local room pids
	for room in $rooms; do
		pids=$(ip netns pids "$prefix$room" 2>/dev/null) || continue
		[ -z "$pids" ] || kill $pids 2>/dev/null || true
	done
	sleep 0.5
	for room in $rooms; do
		pids=$(ip netns pids "$prefix$room" 2>/dev/null) || pids=
		[ -z "$pids" ] || kill -9 $pids 2>/dev/null || true
		ip netns delete "$prefix$room" 2>/dev/null || true
		rm -rf "/etc/netns/$prefix$room"
	done
	rmdir /etc/netns 2>/dev/null || true
}
