//! Webhooks: told once it is over, told again until somebody took it, and by nobody else's slowness
//! held up. The clock stands still here unless a test moves it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what fails here fails the test")]

#[expect(dead_code, reason = "these tests need only a part of it")]
mod support;

use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

use engine::{
    Caller, DeliveryState, Page, Request, Status, Team, Webhook, WebhookDelivery, keys::Actor,
};
use parking_lot::Mutex;
use provider::ErrorKind;
use records::{Change, KeyHash};
use support::{World, vendor::Act};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// One request as it arrived.
#[derive(Debug, Clone)]
struct Told {
    head: String,
    body: serde_json::Value,
}

impl Told {
    fn header(&self, name: &str) -> &str {
        let line = self.head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.unwrap_or_else(|| panic!("no {name}: {}", self.head))
    }
}

/// Answers with one status after the other, the last one from then on; 0 is never an answer.
struct Receiver {
    address: SocketAddr,
    told: Arc<Mutex<Vec<Told>>>,
    _task: JoinSet<()>,
}

impl Receiver {
    async fn start(answers: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let told = Arc::new(Mutex::new(Vec::new()));
        let (seen, answers) = (Arc::clone(&told), answers.to_vec());
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut held = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                let mut stream = BufReader::new(stream);
                let Some(one) = read(&mut stream).await else { continue };
                let before = seen.lock().len();
                seen.lock().push(one);
                match answers[before.min(answers.len() - 1)] {
                    0 => held.push(stream),
                    status => {
                        let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
                        let _ = stream.write_all(answer.as_bytes()).await;
                    }
                }
            }
        });
        Self { address, told, _task: task }
    }

    fn webhook(&self) -> Webhook {
        Webhook { url: format!("http://{}/hook", self.address), events: Webhook::all() }
    }

    /// Waits for so many requests.
    async fn told(&self, count: usize) -> Vec<Told> {
        until("a request", || async {
            let told = self.told.lock().clone();
            (told.len() >= count).then_some(told)
        })
        .await
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Told> {
    let (mut head, mut length) = (String::new(), 0);
    while !head.ends_with("\r\n\r\n") {
        let from = head.len();
        if stream.read_line(&mut head).await.ok()? == 0 {
            return None;
        }
        if let Some(said) = head[from..].strip_prefix("content-length: ") {
            length = said.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Told { head, body: serde_json::from_slice(&body).unwrap() })
}

/// Looks until there is something. Time here is the machine's: the clock of the world stands still.
async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    for _ in 0..20_000 {
        if let Some(found) = look().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("waited in vain: {what}");
}

fn image(webhook: Webhook) -> Request {
    Request { webhook: Some(webhook), ..Request::image("a fox") }
}

async fn log(world: &World) -> Vec<WebhookDelivery> {
    world.engine.deliveries(None, None, Page::first(100)).await.unwrap()
}

/// The log's only row, once it has been tried so often.
async fn tried(world: &World, tries: u32) -> WebhookDelivery {
    until("a try in the log", || async {
        let rows = log(world).await;
        // Nothing before the generation has ended.
        let row = rows.first()?;
        assert_eq!(rows.len(), 1, "{rows:?}");
        (row.tries >= tries).then(|| row.clone())
    })
    .await
}

#[tokio::test]
async fn an_end_is_told_once_to_who_asked_for_it() {
    let world = World::new().await;
    let receiver = Receiver::start(&[204]).await;
    let id = world.start(image(receiver.webhook())).await;
    let told = receiver.told(1).await.remove(0);
    assert!(told.head.starts_with("POST /hook HTTP/1.1\r\n"), "{}", told.head);
    assert_eq!(told.body["type"], "generation.completed");
    assert_eq!(told.body["data"]["id"], id);
    assert_eq!(told.body["data"]["status"], "completed");
    let row = tried(&world, 1).await;
    assert_eq!(
        (row.state, row.last_status, row.next_at),
        (DeliveryState::Delivered, Some(204), None)
    );
    assert_eq!((row.generation, row.team.as_str()), (id, "team_a"));
    assert_eq!(told.header("webhook-id"), row.id);
    assert!(told.header("webhook-signature").starts_with("v1,"));
    let at = world.engine.clock().now().seconds().to_string();
    assert_eq!(told.header("webhook-timestamp"), at);
    // Time passes, and nothing more is told.
    let other = Webhook { events: vec![Status::Blocked], ..receiver.webhook() };
    let quiet = world.start(image(other.clone())).await;
    world.end(&quiet).await;
    world.vendor.script([Act::Refuse(ErrorKind::Blocked)]);
    let blocked = world.start(image(other)).await;
    assert_eq!(world.end(&blocked).await.status, Status::Blocked);
    let told = receiver.told(2).await;
    assert_eq!(told.len(), 2);
    assert_eq!(
        (&told[1].body["type"], &told[1].body["data"]["id"]),
        (&"generation.blocked".into(), &blocked.into())
    );
}

#[tokio::test]
async fn what_was_not_taken_is_told_again_with_the_same_id() {
    let world = World::new().await;
    let receiver = Receiver::start(&[500, 302, 200]).await;
    world.start(image(receiver.webhook())).await;
    let first = tried(&world, 1).await;
    assert_eq!((first.state, first.last_status), (DeliveryState::Pending, Some(500)));
    let wait = first.next_at.unwrap().since(first.last_at.unwrap());
    assert!((5000..=5500).contains(&wait.as_millis()), "{wait:?}");
    world.clock.advance(wait);
    let second = tried(&world, 2).await;
    let wait = second.next_at.unwrap().since(second.last_at.unwrap());
    assert!((300..=330).contains(&wait.as_secs()), "{wait:?}");
    world.clock.advance(wait);
    let third = tried(&world, 3).await;
    assert_eq!((third.state, third.last_error), (DeliveryState::Delivered, None));
    let told = receiver.told(3).await;
    assert!(told.iter().all(|one| one.header("webhook-id") == first.id), "{told:?}");
    let times: Vec<&str> = told.iter().map(|one| one.header("webhook-timestamp")).collect();
    assert!(times.is_sorted() && times[0] != times[2], "each try has its own time: {times:?}");
    // Asked for again, it is told again, though it was taken.
    world.engine.redeliver(&Actor::system("admin"), &first.id).await.unwrap();
    let told = receiver.told(4).await;
    assert_eq!(told[3].header("webhook-id"), first.id);
    assert_eq!(tried(&world, 4).await.state, DeliveryState::Delivered);
}

#[tokio::test]
async fn who_never_takes_it_is_given_up_on_and_who_is_gone_at_once() {
    let world = World::new().await;
    let never = Receiver::start(&[503]).await;
    world.start(image(never.webhook())).await;
    for tries in 1..10 {
        let row = tried(&world, tries).await;
        assert_eq!(row.state, DeliveryState::Pending, "{tries}");
        world.clock.advance(row.next_at.unwrap().since(row.last_at.unwrap()));
    }
    let last = tried(&world, 10).await;
    assert_eq!((last.state, last.next_at), (DeliveryState::Failed, None));
    assert_eq!(last.last_error.as_deref(), Some("it answered with status 503"));
    // Once more on purpose: one try, and no schedule anew.
    world.engine.redeliver(&Actor::system("admin"), &last.id).await.unwrap();
    assert_eq!(tried(&world, 11).await.state, DeliveryState::Failed);

    let world = World::new().await;
    let gone = Receiver::start(&[410]).await;
    world.start(image(gone.webhook())).await;
    let row = tried(&world, 1).await;
    assert_eq!((row.state, row.last_status), (DeliveryState::Failed, Some(410)));
}

#[tokio::test]
async fn a_kill_between_the_end_and_the_telling_loses_nothing() {
    let world = World::new().await;
    let receiver = Receiver::start(&[0, 204]).await;
    let id = world.start(image(receiver.webhook())).await;
    // The receiver has it, and the gateway dies before it hears so.
    receiver.told(1).await;
    assert_eq!(log(&world).await[0].state, DeliveryState::Pending);
    let world = world.kill_and_restart().await;
    let told = receiver.told(2).await;
    assert_eq!(told[0].header("webhook-id"), told[1].header("webhook-id"));
    assert_eq!(told[1].body["data"]["id"], id);
    assert_eq!(tried(&world, 1).await.state, DeliveryState::Delivered);
}

#[tokio::test]
async fn a_slow_receiver_holds_up_its_own_team_only() {
    let mut world = World::new().await;
    let (slow, quick) = (Receiver::start(&[0]).await, Receiver::start(&[204]).await);
    let mut last = String::new();
    for _ in 0..20 {
        last = world.start(image(slow.webhook())).await;
    }
    world.engine.wait("team_a", &last, None).await.unwrap();
    slow.told(4).await;
    let team = Team { id: "team_b".to_owned(), ..(*world.caller.team).clone() };
    let key = engine::Key {
        id: "key_b".to_owned(),
        team: team.id.clone(),
        ..(*world.caller.key).clone()
    };
    let changes = vec![Change::Team(team.clone()), Change::Key(key.clone(), KeyHash([8; 32]))];
    world.records.apply(changes).await.unwrap();
    world.caller = Caller { team: Arc::new(team), key: Arc::new(key) };
    let id = world.start(image(quick.webhook())).await;
    assert_eq!(quick.told(1).await[0].body["data"]["id"], id);
    assert_eq!(slow.told.lock().len(), 4, "no more of one team at a time");
}

#[tokio::test]
async fn of_what_was_erased_nothing_more_is_told() {
    let world = World::new().await;
    let receiver = Receiver::start(&[500]).await;
    let id = world.start(image(receiver.webhook())).await;
    let row = tried(&world, 1).await;
    until("its landing", || async { world.engine.erase("team_a", &id).await.ok() }).await;
    assert_eq!(log(&world).await, []);
    assert!(world.engine.redeliver(&Actor::system("admin"), &row.id).await.is_err());
    // Another one that is due later shows that the time of the first one's next try has passed.
    world.start(image(receiver.webhook())).await;
    tried(&world, 1).await;
    world.clock.advance(Duration::from_secs(6));
    tried(&world, 2).await;
    assert_eq!(receiver.told.lock().len(), 3);
}

#[tokio::test]
async fn an_address_inside_is_refused_and_one_that_moved_there_is_not_told() {
    let world = World::new().await;
    let inside = Webhook { url: "http://10.0.0.1/hook".to_owned(), events: Webhook::all() };
    let refused = world.engine.check_webhook(&inside).await.unwrap_err();
    assert_eq!(refused.param.as_deref(), Some("webhook.url"));
    // It was good when it was asked for; now it leads inside.
    world.start(image(inside)).await;
    let row = tried(&world, 1).await;
    assert_eq!((row.state, row.last_status), (DeliveryState::Pending, None));
    assert_eq!(row.last_error.as_deref(), Some("the URL cannot be reached"));
}
