//! The library on real sockets, as a program of its own would use it.
#![cfg(all(feature = "net", target_os = "linux"))]

use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use towline::blocking::{self, Options};
use towline::client::{Client, ClientConfig, ClientError};
use towline::net::{Endpoint, Listener, Place, SocketOptions, connect};
use towline::proto::client::JobError;
use towline::proto::machine::DialErrorKind;
use towline::server::{Doors, ListenEnd, Server, ServerConfig, Stopper, stopper};
use towline::wire::RelPath;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn bind(place: &Place) -> Listener {
    Listener::bind(place, &SocketOptions::default()).expect("it listens")
}

fn tcp() -> Place {
    Place::Tcp("127.0.0.1:0".parse().expect("an address"))
}

/// A server on a thread of its own, over TCP and a Unix socket.
struct Served {
    places: Vec<String>,
    stopper: Stopper,
    thread: JoinHandle<ListenEnd>,
}

impl Served {
    fn start(folder: &Path) -> Served {
        let (told, places) = std::sync::mpsc::channel();
        let (stopper, stop) = stopper();
        let folder = folder.to_path_buf();
        let thread = std::thread::spawn(move || {
            runtime().block_on(async {
                let listeners = vec![bind(&tcp()), bind(&Place::Unix(folder.join("socket")))];
                let places: Vec<String> = listeners
                    .iter()
                    .map(|listener| listener.local().expect("it has a name").to_string())
                    .collect();
                told.send(places).expect("it is waited for");
                let files = folder.join("files");
                std::fs::create_dir(&files).expect("a new folder");
                let server =
                    Server::new(&files, 1, ServerConfig::default()).await.expect("a folder to serve");
                server.run(Doors { files: listeners, ..Doors::default() }, stop).await
            })
        });
        Served { places: places.recv().expect("it starts"), stopper, thread }
    }

    fn stop(self) {
        self.stopper.drain();
        assert_eq!(self.thread.join().expect("it ends"), ListenEnd::Drained);
    }
}

#[test]
fn calls_that_block_do_what_the_others_do() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(folder.path());
    let (here, back) = (folder.path().join("here"), folder.path().join("back"));
    let content: Vec<u8> = (0..3_000_000u32).map(|at| (at / 251 + at % 251) as u8).collect();
    std::fs::write(&here, &content).unwrap();
    for (at, place) in served.places.iter().enumerate() {
        let client = blocking::Client::connect(place, &Options::default()).unwrap();
        assert!(client.echo(b"Hello, world").unwrap() > Duration::ZERO);
        let name = format!("folder/{at}");
        assert_eq!(
            client.put(&here, &name).unwrap().root.to_string(),
            blake3::hash(&content).to_hex().to_string()
        );
        assert_eq!(client.stat(&name).unwrap().length, content.len() as u64);
        client.get(&name, &back).unwrap();
        assert!(std::fs::read(&back).unwrap() == content);
        let names: Vec<Vec<u8>> =
            client.list("folder").unwrap().into_iter().map(|entry| entry.name).collect();
        assert_eq!(names, [at.to_string().into_bytes()]);
        client.remove(&name).unwrap();
        assert!(client.list("folder").unwrap().is_empty());
        assert!(matches!(client.get("gone", &back), Err(blocking::Error::Call(_))));
        assert!(matches!(client.get("../gone", &back), Err(blocking::Error::Path(_))));
        let connections = client.connections();
        assert_eq!(connections[0].peer.as_ref().map(Place::to_string).as_ref(), Some(place));
        client.close();
    }
    served.stop();
    assert!(!folder.path().join("socket").exists());
}

/// `connect_ex`: what the system said, as a number.
#[test]
fn what_keeps_a_connection_from_being_made_has_its_number() {
    let folder = tempfile::tempdir().unwrap();
    let free = std::net::TcpListener::bind("127.0.0.5:0").unwrap().local_addr().unwrap().to_string();
    let missing = format!("unix:{}", folder.path().join("missing").display());
    for (place, code) in [(free, 111), (missing, 2)] {
        let Err(error) = blocking::Client::connect(&place, &Options::default()) else {
            panic!("{place} answers")
        };
        assert_eq!(error.os_code(), Some(code), "{error}");
        assert!(error.to_string().starts_with(&format!("cannot connect to {place}: ")), "{error}");
        assert!(error.to_string().ends_with(&format!("(os error {code})")), "{error}");
        let blocking::Error::Connect(error) = error else { panic!("{error}") };
        assert_eq!(error.kind(), Some(DialErrorKind::Refused));
        assert!(error.diagnosis().next.contains("towline serve"), "{error:?}");
    }
    // What is asked of the socket cannot be: that is told, and nothing is tried.
    let nodelay = Options { socket: "nodelay".parse().unwrap(), ..Options::default() };
    let Err(error) = blocking::Client::connect("unix:anywhere", &nodelay) else { panic!("it is connected") };
    assert!(error.to_string().contains("nodelay is no option of a Unix socket that connects"), "{error}");
    assert!(matches!(
        blocking::Client::connect("http://x", &Options::default()),
        Err(blocking::Error::Address(_))
    ));
}

/// `settimeout`: a server that accepts and says nothing.
#[test]
fn a_call_takes_no_longer_than_it_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("silent");
    let _silent = UnixListener::bind(&path).unwrap();
    let options = Options { timeout: Some(Duration::from_millis(200)), ..Options::default() };
    match blocking::Client::connect(&format!("unix:{}", path.display()), &options) {
        Err(blocking::Error::Connect(error)) => {
            assert_eq!(error.error, ClientError::Job(JobError::Overdue));
            assert_eq!((error.kind(), error.os_code()), (None, None));
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it has answered"),
    }
}

/// In the notes a client waits for ever for a server of its own process; here one thread is enough for both.
#[test]
fn server_and_client_run_in_one_thread_of_one_process() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("there"), "content").unwrap();
    runtime().block_on(async {
        let listener = bind(&tcp());
        let endpoint: Endpoint = listener.local().unwrap().to_string().parse().unwrap();
        let server = Server::new(folder.path(), 1, ServerConfig::default()).await.unwrap();
        let (stopper, stop) = stopper();
        let doors = Doors { files: vec![listener], ..Doors::default() };
        let work = async {
            let client =
                Client::connect(endpoint, ClientConfig { seed: 5, ..ClientConfig::default() }).await.unwrap();
            let names = client.list(RelPath::ROOT).await.unwrap();
            assert_eq!(names[0].name, b"there");
            client.close().await;
            stopper.drain();
        };
        assert_eq!(tokio::join!(server.run(doors, stop), work).0, ListenEnd::Drained);
    });
}

/// `makefile`, `fileno`, `getsockname`, `getpeername` on a raw echo, over TCP and a Unix socket.
#[test]
fn a_connection_is_read_by_lines_and_knows_its_ends() {
    let folder = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let listeners = vec![bind(&tcp()), bind(&Place::Unix(folder.path().join("echo")))];
        let places: Vec<Place> = listeners.iter().map(|listener| listener.local().unwrap()).collect();
        assert!(listeners.iter().all(|listener| listener.as_raw_fd() >= 0));
        let (stopper, stop) = stopper();
        let server = Server::without_files(ServerConfig::default());
        let doors = Doors { echo: listeners, ..Doors::default() };
        let work = async {
            for place in places {
                let endpoint: Endpoint = place.to_string().parse().unwrap();
                let stream = connect(&endpoint, &SocketOptions::default()).await.unwrap();
                assert_eq!(stream.as_fd().as_raw_fd(), stream.as_raw_fd());
                assert_eq!(stream.peer().unwrap(), Some(place.clone()));
                assert_eq!(stream.local().unwrap().is_some(), matches!(place, Place::Tcp(_)));
                let mut file = BufReader::new(stream);
                file.write_all(b"one\ntwo\n").await.unwrap();
                let mut line = String::new();
                file.read_line(&mut line).await.unwrap();
                assert_eq!(line, "one\n");
                file.shutdown().await.unwrap();
                let mut rest = file.lines();
                assert_eq!(rest.next_line().await.unwrap().as_deref(), Some("two"));
                assert_eq!(rest.next_line().await.unwrap(), None, "shutdown(SHUT_WR) ends it in order");
            }
            stopper.drain();
        };
        assert_eq!(tokio::join!(server.run(doors, stop), work).0, ListenEnd::Drained);
    });
}

/// Whatever is given or awaited may go to another thread, and what is shared may be.
#[test]
fn everything_is_send() {
    fn is_send<T: Send>(_: T) {}
    fn is_shared<T: Send + Sync + 'static>() {}
    is_shared::<Client>();
    is_shared::<blocking::Client>();
    is_shared::<Server>();
    is_shared::<Doors>();
    is_shared::<Stopper>();
    is_shared::<towline::server::StopReceiver>();
    is_shared::<towline::client::Events<towline::client::Event>>();
    is_shared::<towline::server::Events<towline::server::ServerEvent>>();
    is_shared::<ClientError>();
    is_shared::<blocking::Error>();
    // Never called: that it compiles is all.
    let _ = |client: Client, server: Server, endpoint: Endpoint, doors: Doors| {
        let (path, at) = (|| RelPath::ROOT, Path::new(""));
        is_send(client.put(at, path()));
        is_send(client.get(path(), at));
        is_send(client.compare(at, path()));
        is_send(client.list(path()));
        is_send(client.stat(path()));
        is_send(client.remove(path()));
        is_send(client.echo(bytes::Bytes::new()));
        is_send(client.print(path(), towline::wire::Span::Rest { first: 0 }, std::io::sink()));
        is_send(client.pour(std::io::empty(), path(), 0, towline::wire::Modified::default()));
        is_send(client.put_trees(&[], towline::proto::tree_job::TreeOptions::default()));
        is_send(client.get_trees(&[], towline::proto::tree_job::TreeOptions::default()));
        is_send(client.events().next());
        is_send(client.close());
        is_send(Client::connect(endpoint, ClientConfig::default()));
        is_send(Server::new(at, 0, ServerConfig::default()));
        is_send(server.run(doors, stopper().1));
    };
}

/// Two clients that were given no seed are two: neither's request is taken for the other's, which would be answered without
/// being carried out.
#[test]
fn clients_without_a_seed_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(folder.path());
    let (one, other) = (folder.path().join("one"), folder.path().join("other"));
    std::fs::write(&one, "one").unwrap();
    std::fs::write(&other, "other").unwrap();
    let at = folder.path().join("files/there");
    runtime().block_on(async {
        for source in [&one, &other] {
            let endpoint = served.places[0].parse().unwrap();
            let client = Client::connect(endpoint, ClientConfig::default()).await.unwrap();
            client.put(source, RelPath::new("there").unwrap()).await.unwrap();
            client.close().await;
            assert_eq!(std::fs::read(&at).unwrap(), std::fs::read(source).unwrap());
        }
    });
    served.stop();
}

/// Keys in place of flags: a server that asks who comes, and a client who is known to it.
#[test]
fn a_server_and_a_client_know_each_other_by_their_keys() {
    use towline::identity::{AuthorizedKeys, Grant, SecretKey};
    use towline::net::tls::{ClientTls, Identity};
    use towline::server::{Guard, Rights};

    let (shared, here) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let source = here.path().join("notes.txt");
    std::fs::write(&source, "for later").unwrap();
    let [ours, theirs] = [1, 2].map(|seed| Identity::new(&SecretKey([seed; 32])));
    let mut authorized = AuthorizedKeys::default();
    authorized.allow(ours.public(), Grant { name: "us".into(), rights: Rights::ALL });
    let guard = std::sync::Arc::new(Guard::new(&theirs, authorized));

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let open = Doors::at(&Place::Tcp("127.0.0.1:0".parse().unwrap())).unwrap();
        let endpoint = open.endpoint().unwrap();
        let doors = Doors { guarded: open.files, ..Doors::default() };
        let server = Server::new(shared.path(), 0, ServerConfig::default()).await.unwrap();
        let (stopper, stop) = stopper();
        let running = server.guarded_by(std::sync::Arc::clone(&guard)).run(doors, stop);
        let work = async {
            let options = towline::net::SocketOptions::default();
            let shown = towline::client::server_key(&endpoint, &options, &ours).await.unwrap();
            assert_eq!(shown, theirs.public());
            let config = |tls| ClientConfig { tls: Some(tls), ..ClientConfig::default() };
            let tls = ClientTls::new(&ours, shown);
            let client = Client::connect(endpoint.clone(), config(tls)).await.unwrap();
            client.put(&source, RelPath::new("notes.txt").unwrap()).await.unwrap();
            // Nobody may come any more, and who is there is told.
            assert_eq!(guard.replace(AuthorizedKeys::default()), 1);
            let error = client.list(RelPath::ROOT).await.unwrap_err().to_string();
            assert!(error.contains("the server does not know your key"), "{error}");
            client.close().await;
            let wrong = ClientTls::new(&ours, ours.public());
            let error = Client::connect(endpoint.clone(), config(wrong)).await.map(|_| ()).unwrap_err();
            assert!(error.to_string().contains("another key than the one that is known"), "{error}");
            stopper.drain();
        };
        tokio::join!(running, work);
    });
    assert_eq!(std::fs::read_to_string(shared.path().join("notes.txt")).unwrap(), "for later");
}
