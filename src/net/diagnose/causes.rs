//! Why errors happen, and what to do next: each text stands here once, for the moment at which it happens and for `towline explain`.
//! What is looked up at that moment stands in braces.

/// Why an error happens, in one of the situations in which it does.
#[derive(Debug, PartialEq, Eq)]
pub struct Cause {
    /// The situation, as what follows "when".
    pub when: &'static str,
    /// Why it usually is.
    pub why: &'static str,
    /// What to do next.
    pub next: &'static str,
}

impl Cause {
    /// Why and what next, with what was looked up in place of its names in braces.
    pub fn told(&self, facts: &[(&str, &str)]) -> (String, String) {
        (fill(self.why, facts), fill(self.next, facts))
    }
}

/// One pass, so that what is filled in is never looked at again.
fn fill(text: &str, facts: &[(&str, &str)]) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, name, after)) = next_name(rest) {
        let fact = facts.iter().find(|(known, _)| *known == name);
        filled.push_str(before);
        // What is not known keeps its name, as a reader would write it.
        filled.push_str(&fact.map_or_else(|| name.to_uppercase(), |(_, fact)| (*fact).to_owned()));
        rest = after;
    }
    filled + rest
}

/// What stands before the next name in braces, the name, and what follows. Braces around anything else, as in a command of awk,
/// are text.
fn next_name(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    while let Some(open) = text[from..].find('{').map(|at| from + at) {
        let inner = &text[open + 1..];
        let end = inner.find(|c: char| !c.is_ascii_lowercase())?;
        if end > 0 && inner[end..].starts_with('}') {
            return Some((&text[..open], &inner[..end], &inner[end + 1..]));
        }
        from = open + 1;
    }
    None
}

macro_rules! causes {
    ($($name:ident $when:literal $why:literal $next:literal)*) => {
        $(pub(super) const $name: Cause = Cause { when: $when, why: $why, next: $next };)*
    };
}

// Listening.
causes! {
    HELD "listening on a port that a process has"
        "port {port} is held by {holders}, which listens on {address}"
        "use what runs there, stop it (`kill {pid}`), or choose another port (port 0 takes any that is free)"
    HELD_HERE "listening on a port twice"
        "this very process listens on {address} already"
        "name each address only once"
    HIDDEN "listening on a port that a process of somebody else has"
        "a process of user {user} listens on {address}; which one, this user is not permitted to see"
        "look with more rights (`sudo ss -{letters}np 'sport = :{port}'`), or choose another port (port 0 takes any that is free)"
    TIME_WAIT "listening on a port whose last connections are in TIME_WAIT"
        "nobody listens on port {port}: connections of a process that has ended are still in TIME_WAIT there"
        "wait a minute, or listen with SO_REUSEADDR, which is the default here"
    CONNECTED "listening on a port that a connection has as its own end"
        "nobody listens on port {port}, but a connection of this machine uses it as its own end ({address})"
        "`ss -tnp 'sport = :{port}'` names its owner; wait for it to end, or choose another port (port 0 takes any that is free)"
    UNSEEN "listening on a port that nobody is seen to have"
        "nobody is seen to listen on port {port}: a socket is bound there and does not listen, or its owner was gone a moment later"
        "try again, or choose another port (port 0 takes any that is free)"
    UNKNOWN "listening on a port of a system that does not tell who has it"
        "another program listens on port {port}"
        "find it (`lsof -nP -i:{port}`), or choose another port (port 0 takes any that is free)"
    SOCKET_HELD "listening at a Unix socket where somebody answers"
        "{holders} answers at that socket"
        "use what runs there, stop it (`kill {pid}`), or choose another path; a file that a crash left behind is replaced"
    SOCKET_BUSY "listening at a Unix socket where somebody answers, and who is not to be seen"
        "somebody answers at that socket, or none can tell whether anybody does"
        "use what runs there, stop it, or choose another path; a file that a crash left behind is replaced"
    SOCKET_NAME_TAKEN "listening at a path where something else than a socket stands"
        "a socket takes a name of its own, and what stands there is never removed"
        "choose another path"
    SOCKET_FOLDER "listening at a path whose folder is not there"
        "the folder that the socket is to be in is not there"
        "make it (`mkdir`), or choose another path"
    SOCKET_PATH_LONG "naming a Unix socket by a long path"
        "the path of a Unix socket has at most 107 bytes, whatever the file system takes"
        "name it from a folder nearer to it (`unix:./NAME`), or choose a shorter path"
    NOT_OWN_ADDRESS "listening on an address of another machine"
        "{ip} is no address of this machine"
        "listen on one of its own: {addresses}"
    PORT_GUARDED "listening on a port below {start}"
        "ports below {start} need a right that this process does not have (net.ipv4.ip_unprivileged_port_start is {start} here)"
        "choose a port from {start} up, grant it (`sudo setcap cap_net_bind_service=+ep` on the program), or `sudo sysctl net.ipv4.ip_unprivileged_port_start={port}`"
    POLICY "listening where a policy forbids it"
        "a security policy (SELinux, AppArmor, seccomp) or the sandbox forbids it"
        "look at the system's log (`journalctl -k`), or choose another port"
    NO_FAMILY "using an address family that is switched off"
        "this machine has that address family (IPv6, most often) switched off"
        "use an IPv4 address, such as 127.0.0.1"
}

// Connecting.
causes! {
    REFUSED "connecting to a port"
        "the host is up, and nothing listens on port {port} there"
        "start `towline serve` there{listen}, or say `--wait 60` here to wait for it"
    TIMED_OUT "connecting, and nothing comes back"
        "nothing came back: a firewall drops it, the address belongs to no machine that is up, or the network keeps its members apart (guest Wi-Fi)"
        "try `ping {host}`, open TCP port {port} on its firewall, or give more time with `--timeout 30`"
    TIMED_OUT_UP "connecting to a machine of this network that is up"
        "the machine is up, since its network card answers (ARP), and what goes to port {port} is dropped: by a firewall there, or on the way"
        "open TCP port {port} on its firewall, or see whether another port answers"
    TIMED_OUT_GONE "connecting to a machine of this network that is not up"
        "no machine of this network answers for {host} (ARP): it is off or asleep, has another address, or the network keeps its members apart (guest Wi-Fi)"
        "check that it is up, and its address (`ip addr` there)"
    NO_ROUTE "connecting without a route"
        "this machine has no route there: it is offline, or has no address of that family (IPv4, IPv6)"
        "check the network (`ip addr`, `ip route get {host}`) and the address"
    HOST_SILENT "connecting to a host that does not answer on its own network"
        "the host does not answer on its own network: it is off, or a router or firewall says no for it"
        "check the network (`ip addr`, `ip route get {host}`) and the address"
    UNREACHABLE "connecting without a way"
        "there is no route to the host"
        "check the network (`ip addr`, `ip route get {host}`) and the address"
    NAME_UNKNOWN "resolving a name"
        "it is misspelt, no name server knows it, or no name server can be reached"
        "try `getent hosts {host}`, or give the address itself, such as 192.0.2.7"
    NO_OWN_PORT "connecting without an address or a port of one's own"
        "this machine has no address to call it from, or no free port is left for another connection"
        "its own addresses are {addresses}; `ss -s` counts the connections"
    FIREWALL_HERE "connecting where this machine forbids it"
        "a firewall on this machine, or the rules of the sandbox that this runs in, forbid it"
        "look at the outgoing rules for TCP port {port} (`nft list ruleset`)"
    SOCKET_STALE "connecting to a Unix socket that nobody listens at"
        "the socket's file is there, and nobody listens at it: its server ended without taking it away"
        "start `towline serve --listen unix:{path}` again, which replaces it, or say `--wait 60` to wait for it"
    SOCKET_IS_FILE "connecting to a path where no socket stands"
        "what stands there is no socket"
        "give the path of the server's socket; a path at the server follows it behind ':/'"
    SOCKET_MISSING "connecting to a Unix socket that is not there"
        "there is no socket at that path: its server does not run, or listens at another one"
        "start `towline serve --listen unix:{path}`, or say `--wait 60` here to wait for it"
    SOCKET_BELOW_FILE "connecting to a Unix socket by a path that leads through a file"
        "{file} is no folder"
        "if that is the socket, a path at the server follows it behind ':/': unix:{file}:/PATH"
    SOCKET_DENIED "connecting to a Unix socket"
        "whoever connects needs the right to write to the socket, and to search the folders on the way to it"
        "look at owner and mode (`ls -ld {path}` and the folders above), or run as the user that serves"
    SOCKET_OF_LETTERS "connecting to a Unix socket of another kind"
        "a socket of datagrams is there, and the protocol goes over streams"
        "give the path of a stream socket, as `towline serve --listen unix:PATH` makes it"
    SOCKET_FULL "connecting to a Unix socket whose server is busy"
        "as many connections wait to be accepted there as the server allows: it is busy, or hangs"
        "try again, look at the server, or give it a longer backlog (`--socket backlog=N` of its serve)"
    NOT_YET "connecting without waiting (connect_ex)"
        "the socket is not to wait, and the connection is being made: that is no failure"
        "wait until it can be written to (select, poll), then ask how it went (getsockopt SO_ERROR)"
}

// Coming to speak over TLS.
causes! {
    TLS_CUT "greeting over TLS"
        "the server went away, or has no time for another connection"
        "look at the server's output, then try again"
    TLS_PLAINTEXT "greeting a server over TLS that speaks plaintext"
        "the server was started with --insecure-plaintext, or listens for its own machine alone, and something forwards to it"
        "start it with TLS (`towline serve --tls`, or without --insecure-plaintext), or say --insecure-plaintext here on a network that you trust"
    TLS_FOREIGN "greeting something else over TLS"
        "something else than towline listens on port {port} there, such as a web or mail server"
        "check the port, and what listens there"
    TLS_NOT_TOWLINE "greeting another service over TLS"
        "`towline pair` waits on port {port} there, or a service of another kind, such as a web server, speaks TLS"
        "check the port: files are served on 8695 unless told otherwise; and what listens there"
    TLS_OLD "greeting over TLS where only older versions are spoken"
        "what answers there, or something between that opens connections up, speaks TLS 1.2 or older"
        "check the port, and what listens there; compare `towline --version` on both sides"
    TLS_NO_KEY "greeting a server over TLS that shows no raw key"
        "what answers there, or something between that opens connections up, shows a certificate, as web servers do"
        "check the port, and what listens there; compare `towline --version` on both sides"
    TLS_WRONG_KEY "greeting a server over TLS whose key is another one"
        "the server was set up anew, or another machine answers in its place: somebody may be listening in"
        "compare with what `towline key` shows at the server, by a way that you trust, before you go on"
    TLS_REFUSED "greeting over TLS"
        "the server has ended the handshake"
        "look at the server's output; compare `towline --version` on both sides"
}

// What stands, and the system.
causes! {
    RESET "a connection stands"
        "the other side, or a firewall between, broke the connection off: it crashed, was killed, or refused what it was sent"
        "look at the other side's output, then try again"
    BROKEN_PIPE "writing to what the other side has ended"
        "the other side had ended the connection before all was sent"
        "look at the other side's output, then try again"
    FELL_SILENT "a connection stands, and the other side is gone"
        "the other side has stopped answering: it lost power or its network, or a firewall forgot the connection"
        "check that the other machine is up and reachable, then try again"
    ABORTED "accepting a connection that is gone already"
        "whoever connected went away before the connection was accepted"
        "nothing: the next one is accepted"
    NOT_CONNECTED "a socket without a connection is used as if it had one"
        "no connection was made, or it is over already"
        "connect first, and look at how that ended"
    WOULD_BLOCK "reading or writing without waiting"
        "nothing has come, or there is no room, and the socket is not to wait (setblocking(False), or a timeout that is over)"
        "wait until it can go on (select, poll), or give it more time (settimeout)"
    TOO_LONG "sending a datagram"
        "the datagram is longer than the system sends: 65,507 bytes over UDP and IPv4, 65,527 over IPv6, the send buffer over a Unix socket; or longer than the path takes in one piece, where it may not be cut"
        "send less in each, or go over a stream"
    NO_BUFFERS "sending faster than it can go out"
        "the queue of a network device, or the system's memory for sockets, is full"
        "send slower, or raise the limits (`sysctl net.core.wmem_max`, `ip link` for the device's txqueuelen)"
    FILES_OF_PROCESS "opening one file or socket more"
        "this process may have {soft} files and sockets open at once, and has them"
        "{raise}, or do less at once"
    FILES_OF_MACHINE "opening one file or socket more on a full machine"
        "the whole machine has no file descriptor left"
        "find who has so many (`lsof | awk '{print $1}' | sort | uniq -c | sort -n`), or raise fs.file-max"
    DISK_FULL "writing"
        "the disk is full, or out of inodes"
        "make room (`df -h`, `df -i`), then try again: nothing was lost"
    QUOTA "writing with a quota"
        "the disk quota is used up"
        "make room (`quota -s`), then try again"
    READ_ONLY "writing to a file system that is read-only"
        "the file system is mounted read-only, on purpose or because it found an error"
        "choose another folder, or remount it (`mount -o remount,rw`) once you know why"
    DENIED "opening, making or removing a file"
        "the user that runs this has no right to it"
        "look at owner and mode (`ls -ld` on it and on the folders above), or run as a user who may"
    MISSING "opening a file"
        "nothing of that name is on this machine"
        "check the spelling (`ls`)"
    NAME_LONG "naming a file"
        "a name of a file has at most 255 bytes, and a path 4,095"
        "choose a shorter name"
    DISK_ERROR "reading or writing a disk"
        "the disk, or its driver, reported an error"
        "look at the system's log (`dmesg`)"
}
