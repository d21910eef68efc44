//! `atelier usage`: spending, the ledger, and whether it adds up.

use provider::MicroUsd;
use serde_json::Value;

use super::{
    Session,
    args::UsageArgs,
    client::Client,
    failure::Failure,
    keys::given,
    output,
    show::{self, Column},
    target::Target,
    teams::standing,
};

const LEDGER: [&str; 3] = ["admin", "v1", "ledger"];

pub(super) async fn run(session: &Session<'_>, args: UsageArgs) -> Result<(), Failure> {
    let client = Target::admin(session, args.remote.clone())?;
    if args.verify {
        return verify(session, &client).await;
    }
    let (from, to) = (args.from.map(|at| at.to_string()), args.to.map(|at| at.to_string()));
    let span = [("from", from), ("to", to)];
    if args.reconcile {
        return reconcile(session, &client, &given(&span), args.book).await;
    }
    let filter = [("team", args.team), ("key", args.key_id), ("provider", args.provider)];
    let mut query = [given(&span), given(&filter)].concat();
    if args.ledger {
        return ledger(&client, query, args.csv).await;
    }
    let by = args.by.join(",");
    if client.is_a_teams() {
        let beyond = !by.is_empty() || filter.iter().any(|(_, value)| value.is_some());
        return match beyond {
            true => Err(Failure::usage(
                "a team's key sees its own team's usage by day and model: --by, --team, --key-id and \
                 --provider take an operator's key",
            )),
            false => own(session, &client, &query).await,
        };
    }
    if !by.is_empty() {
        query.push(("by", &by));
    }
    spend(session, &client, &query).await
}

/// What a team's key may see: its own team's.
async fn own(
    session: &Session<'_>,
    client: &Client,
    query: &[(&str, &str)],
) -> Result<(), Failure> {
    const COLUMNS: [Column; 6] = [
        ("DAY", |row| show::plain(&row["day"])),
        ("PROVIDER", |row| show::plain(&row["provider"])),
        ("MODEL", |row| show::plain(&row["model"])),
        ("KIND", |row| show::plain(&row["kind"])),
        ("GENERATIONS", |row| show::plain(&row["generations"])),
        ("CHARGED", |row| show::dollars(&row["charged_usd"])),
    ];
    let usage = client.get(&["v1", "usage"], query).await?;
    if session.json {
        output::json(&usage);
        return Ok(());
    }
    let rows: Vec<Value> = show::each(&usage["data"]).cloned().collect();
    show::table(&rows, &COLUMNS);
    output::line(format_args!(
        "charged {}, saved {}",
        show::dollars(&usage["charged_usd"]),
        show::dollars(&usage["saved_usd"])
    ));
    standing(&usage["budgets"]);
    Ok(())
}

/// Every word that lines can be told apart by, as a column; those that were not asked for are in no line.
const DIMENSIONS: [Column; 6] = [
    ("DAY", |row| show::plain(&row["day"])),
    ("TEAM", |row| show::plain(&row["team"])),
    ("KEY", |row| show::plain(&row["key"])),
    ("PROVIDER", |row| show::plain(&row["provider"])),
    ("MODEL", |row| show::plain(&row["model"])),
    ("KIND", |row| show::plain(&row["kind"])),
];

const SUMS: [Column; 5] = [
    ("GENERATIONS", |row| show::plain(&row["generations"])),
    ("CHARGED", |row| show::dollars(&row["charged_usd"])),
    ("SAVED", |row| show::dollars(&row["saved_usd"])),
    ("UNITS", |row| show::plain(&row["units"])),
    ("PLAN FEE", |row| show::dollars(&row["plan_fee_usd"])),
];

async fn spend(
    session: &Session<'_>,
    client: &Client,
    query: &[(&str, &str)],
) -> Result<(), Failure> {
    let answer = client.get(&["admin", "v1", "usage"], query).await?;
    if session.json {
        output::json(&answer);
        return Ok(());
    }
    let rows: Vec<Value> = show::each(&answer["data"]).cloned().collect();
    let told = |(head, _): &&Column| {
        let field = head.to_lowercase();
        let asked =
            query.iter().any(|(name, by)| *name == "by" && by.split(',').any(|by| by == field));
        asked || rows.first().is_some_and(|row| row.get(&field).is_some())
    };
    let columns: Vec<Column> = DIMENSIONS.iter().filter(told).chain(&SUMS).copied().collect();
    show::table(&rows, &columns);
    let sum = |field: &str| -> MicroUsd {
        rows.iter().filter_map(|row| row[field].as_str()?.parse::<MicroUsd>().ok()).sum()
    };
    // By kind nobody knows what was saved.
    let saved = match rows.iter().any(|row| row["saved_usd"].is_null()) {
        true => Value::Null,
        false => Value::String(sum("saved_usd").to_string()),
    };
    output::line(format_args!(
        "charged {}, saved {}, {} to {}",
        show::dollars(&Value::String(sum("charged_usd").to_string())),
        show::dollars(&saved),
        show::minute(&answer["from"]),
        show::minute(&answer["to"]),
    ));
    plans(&answer["plans"]);
    Ok(())
}

/// What is paid by the month, beside the ledger.
fn plans(plans: &Value) {
    const COLUMNS: [Column; 5] = [
        ("PLAN", |plan| show::plain(&plan["provider"])),
        ("ACCOUNTS", |plan| show::plain(&plan["accounts"])),
        ("A MONTH", |plan| show::dollars(&plan["monthly_fee_usd"])),
        ("UNITS", |plan| show::plain(&plan["units"])),
        ("SHARED", |plan| show::dollars(&plan["shared_usd"])),
    ];
    let plans: Vec<Value> = show::each(plans).cloned().collect();
    if !plans.is_empty() {
        show::table(&plans, &COLUMNS);
    }
}

/// Every entry, on standard output.
async fn ledger(client: &Client, mut query: Vec<(&str, &str)>, csv: bool) -> Result<(), Failure> {
    if csv {
        query.push(("format", "csv"));
        return client.stream(&LEDGER, &query, output::bytes).await;
    }
    let write = |rows: Vec<Value>| rows.iter().for_each(output::line);
    client.pages(&LEDGER, &query, usize::MAX, write).await
}

async fn verify(session: &Session<'_>, client: &Client) -> Result<(), Failure> {
    const COLUMNS: [Column; 4] = [
        ("RULE", |finding| show::plain(&finding["rule"])),
        ("PLACE", |finding| show::plain(&finding["place"])),
        ("SHOULD BE", |finding| show::dollars(&finding["expected_usd"])),
        ("IS", |finding| show::dollars(&finding["found_usd"])),
    ];
    let bar = output::progress("adding up");
    let verdict = client.get(&[&LEDGER[..], &["verify"]].concat(), &[]).await;
    bar.finish_and_clear();
    let verdict = verdict?;
    let findings: Vec<Value> = show::each(&verdict["findings"]).cloned().collect();
    let ok = verdict["ok"] == true;
    if session.json {
        output::json(&verdict);
    } else if ok {
        output::line("the books add up");
    } else {
        show::table(&findings, &COLUMNS);
    }
    if ok {
        return Ok(());
    }
    Err(Failure::failed(format!("the books do not add up: {} findings", findings.len())))
}

async fn reconcile(
    session: &Session<'_>,
    client: &Client,
    span: &[(&str, &str)],
    book: bool,
) -> Result<(), Failure> {
    let path = [&LEDGER[..], &["reconciliation"]].concat();
    let bar = output::progress("reading the vendors' books");
    let answer = match book {
        true => client.act(&path, span).await,
        false => client.get(&path, span).await,
    };
    bar.finish_and_clear();
    let answer = answer?;
    if session.json {
        output::json(&answer);
        return Ok(());
    }
    let accounts: Vec<Value> = show::each(&answer["data"]).cloned().collect();
    show::table(&accounts, &ACCOUNTS);
    let differences = accounts.iter().flat_map(|account| {
        let of = account_name(account);
        show::each(&account["differences"]).map(move |difference| {
            let mut row = difference.clone();
            row["of"] = Value::String(of.clone());
            row
        })
    });
    let differences: Vec<Value> = differences.collect();
    if !differences.is_empty() {
        show::table(&differences, &DIFFERENCES);
    }
    if let Some(booked) = answer["booked"].as_u64() {
        output::line(format_args!("{booked} differences are booked as drift now"));
    }
    Ok(())
}

fn account_name(row: &Value) -> String {
    format!("{}/{}", show::plain(&row["provider"]), show::plain(&row["account"]))
}

/// Prepaid units used, by the vendor's counter and by our books.
fn units(row: &Value) -> String {
    let words = |lot: &Value| {
        let text = |field: &str| show::plain(&lot[field]);
        let (there, here) = (text("used_there"), text("used_here"));
        format!("{} {there}/{here} {}", text("kind"), text("window"))
    };
    let all: Vec<String> = show::each(&row["allowances"]).map(words).collect();
    if all.is_empty() { show::NOTHING.to_owned() } else { all.join("; ") }
}

const ACCOUNTS: [Column; 8] = [
    ("ACCOUNT", account_name),
    ("THE VENDOR TELLS", |row| show::plain(&row["told"])),
    ("BOOKED", |row| show::dollars(&row["booked_usd"])),
    ("CHARGED", |row| show::dollars(&row["charged_usd"])),
    ("BALANCE", |row| show::dollars(&row["balance_usd"])),
    ("UNITS THERE/HERE", units),
    ("DIFFERENCES", |row| show::each(&row["differences"]).count().to_string()),
    ("PROBLEM", |row| match (row["problem"].as_str(), &row["incomplete"]) {
        (Some(problem), _) => problem.to_owned(),
        (None, Value::Bool(true)) => "not read whole".to_owned(),
        _ => show::NOTHING.to_owned(),
    }),
];

const DIFFERENCES: [Column; 8] = [
    ("ACCOUNT", |row| show::plain(&row["of"])),
    ("AT", |row| show::plain(&row["at"])),
    ("WHAT", |row| show::plain(&row["kind"])),
    ("REFERENCE", |row| show::plain(&row["reference"])),
    ("GENERATION", |row| show::plain(&row["generation"])),
    ("BOOKED", |row| show::dollars(&row["booked_usd"])),
    ("CHARGED", |row| show::dollars(&row["charged_usd"])),
    ("CERTAIN", |row| show::plain(&row["certain"])),
];

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;
    use crate::{cli::failure::Exit, config::Environment};

    /// Answers one request with that body.
    async fn answer(listener: TcpListener, body: &str) {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0_u8; 4096];
        assert!(stream.read(&mut request).await.unwrap() > 0);
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    }

    /// What `--verify` makes of an answer.
    async fn verdict(body: &str, json: bool) -> Result<(), Failure> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let client = Client::new(&url, None)?;
        let environment = Environment::default();
        let session = Session { environment: &environment, config: None, json };
        tokio::join!(verify(&session, &client), answer(listener, body)).0
    }

    #[tokio::test]
    async fn books_that_do_not_add_up_are_a_failure() {
        for json in [false, true] {
            let wrong = r#"{"ok": false, "findings": [{"rule": "transaction", "place": "att_1",
                "expected_usd": "0.000000", "found_usd": "0.100000"}]}"#;
            let failure = verdict(wrong, json).await.unwrap_err();
            assert_eq!(failure.exit, Exit::Failed);
            assert!(failure.message.contains("1 findings"), "{}", failure.message);
            assert!(verdict(r#"{"ok": true, "findings": []}"#, json).await.is_ok());
        }
    }
}
