//! What last month would have cost: `simulate --trace` plays the real books again, from the database beside
//! the running gateway or from an export, changes nothing, and says where a file is wrong.

use std::{fs, io::Write as _, path::Path, process::Output};

use serde_json::{Value, json};
use tests::{
    ADMIN_KEY, Gateway, Ledger, PICTURE, Queue, Vendor, config, flat, micros, quick_queue, usd,
};

use crate::{image, json_of, run, text};

/// Units of the plan's month here.
const UNITS: usize = 2;
const PICTURES: usize = 5;

/// A vendor on a plan of two images and one that is paid by the piece, and five pictures made there.
async fn house() -> (Queue, Vendor, Gateway) {
    let (queue, vendor) = (Queue::start(quick_queue()).await, Vendor::start(flat()).await);
    let zekron = config(&vendor, &json!({}))["providers"]["zekron"].clone();
    queue.set(json!({ "allowance": { "images": UNITS, "videos": 0 } })).await;
    let plan = json!({ "images": UNITS, "videos": 0, "monthly_fee_usd": 99 });
    let change = json!({ "providers": { "zekron": zekron } });
    let gateway =
        run().gateway(&queue.config_at(&queue.url(), json!({ "plan": plan }), &change)).await;
    let team = gateway.team("a").await;
    for number in 0..PICTURES {
        let made = team.generate(&image(&format!("picture {number}"))).await;
        assert_eq!(made["status"], "completed", "{made}");
    }
    (queue, vendor, gateway)
}

async fn simulate(folder: &Path, trace: &str, more: &[&str]) -> Output {
    run().cli(folder, &[&["simulate", "--trace", trace, "--json"], more].concat()).await
}

fn row<'a>(report: &'a Value, policy: &str) -> &'a Value {
    let mut rows = report["rows"].as_array().into_iter().flatten();
    rows.find(|row| row["policy"] == policy).unwrap_or_else(|| panic!("no {policy}: {report}"))
}

/// What a row charges, who made how many, and how many nobody could.
fn outcome(report: &Value, policy: &str) -> (i64, u64, u64, u64) {
    let row = row(report, policy);
    let by = |name: &str| row["requests"][name].as_u64().unwrap_or(0);
    let nobody = row["nobody"].as_u64().expect("a number");
    (micros(&row["charged_usd"]), by("zsky"), by("zekron"), nobody)
}

#[tokio::test]
async fn the_ledger_is_played_again_beside_the_running_gateway() {
    let (queue, vendor, gateway) = house().await;
    let ledger = Ledger::read(&gateway.admin()).await;
    let booked = ledger.sum("provider:");
    assert_eq!(booked, 3 * PICTURE, "two of five are prepaid");
    let asked = (queue.count("generate").await, vendor.count("generate").await);

    let chart = gateway.folder().join("month.svg");
    let flags =
        ["--chart", "month.svg", "--policy", "cost", "--policy", "ordered", "--policy", "table"];
    let report = json_of(&simulate(gateway.folder(), "ledger", &flags).await);
    assert_eq!(outcome(&report, "as it was"), (booked, 2, 3, 0), "{report}");
    for policy in ["cost", "table"] {
        assert_eq!(outcome(&report, policy), (booked, 2, 3, 0), "{report}");
    }
    let fees = &row(&report, "as it was")["plan_fees_usd"];
    let days = row(&report, "cost")["days"].as_array().expect("days");
    assert_eq!(days.last().expect("a day")["charged_usd"], usd(booked));
    assert!(*fees == "99.000000" || *fees == "198.000000", "a night of two months has two: {fees}");
    let svg = fs::read_to_string(chart).expect("a chart");
    assert!(svg.starts_with("<svg") && svg.contains("as it was"), "{svg}");

    // More units, none, and a house without the plan or without the other.
    let changed = async |flags: &[&str]| {
        let flags = [&["--policy", "cost"], flags].concat();
        json_of(&simulate(gateway.folder(), "ledger", &flags).await)
    };
    let report = changed(&["--allowance", "zsky.images=4", "--monthly-fee", "zsky=149"]).await;
    assert_eq!(outcome(&report, "cost, changed"), (PICTURE, 4, 1, 0), "{report}");
    assert_eq!(outcome(&report, "cost"), (booked, 2, 3, 0), "as the plan is: {report}");
    let more = micros(&row(&report, "cost, changed")["difference_usd"]);
    let months = micros(fees) / 99_000_000;
    assert_eq!(more, months * 50_000_000 - 2 * PICTURE, "the fee and two pictures: {report}");
    let report = changed(&["--without", "zsky"]).await;
    // What was prepaid was planned by the vendor's page, before its charges were known.
    let (charged, by_queue, by_piece, nobody) = outcome(&report, "cost, changed");
    assert_eq!((by_queue, by_piece, nobody), (0, 5, 0), "{report}");
    let off = 5 * PICTURE - charged;
    assert!((0..2 * PICTURE / 5).contains(&off), "{off} of {}: {report}", 5 * PICTURE);
    assert_eq!(row(&report, "cost, changed")["plan_fees_usd"], "0.000000");
    let report = changed(&["--without", "zekron"]).await;
    assert_eq!(outcome(&report, "cost, changed"), (0, 2, 0, 3), "{report}");
    let report = changed(&[
        "--without",
        "zekron",
        "--overage",
        "zsky.image_usd=0.04",
        "--overage",
        "zsky.monthly_cap_usd=0.10",
    ])
    .await;
    assert_eq!(outcome(&report, "cost, changed"), (80_000, 4, 0, 1), "two are bought: {report}");

    let after = Ledger::read(&gateway.admin()).await;
    assert_eq!(after.entries, ledger.entries, "nothing was booked");
    assert_eq!((queue.count("generate").await, vendor.count("generate").await), asked);
}

#[tokio::test]
async fn an_export_of_the_ledger_has_the_same_sum_and_says_what_it_does_not_know() {
    let (_queue, _vendor, gateway) = house().await;
    let booked = Ledger::read(&gateway.admin()).await.sum("provider:");
    let csv = gateway.cli(ADMIN_KEY, &["usage", "--ledger", "--csv"]).await;
    fs::write(gateway.folder().join("ledger.csv"), &csv.stdout).expect("it is written");
    let report = json_of(&simulate(gateway.folder(), "ledger.csv", &[]).await);
    assert_eq!(outcome(&report, "as it was"), (booked, 2, 3, 0), "{report}");
    let report = json_of(&simulate(gateway.folder(), "ledger.csv", &["--without", "zsky"]).await);
    assert_eq!(outcome(&report, "table, changed"), (5 * PICTURE, 0, 5, 0), "{report}");
    let notes = report["notes"].to_string();
    assert!(notes.contains("listed prices") && notes.contains("without zsky"), "{notes}");

    let table = run().cli(gateway.folder(), &["simulate", "--trace", "ledger.csv"]).await;
    let table = text(&table.stdout);
    for word in ["as it was", "cost", "table", "PLAN FEES", "zekron 3, zsky 2", "listed prices"] {
        assert!(table.contains(word), "{word}: {table}");
    }
}

/// A trace of the routing game: three requests, one unit of a plan.
fn game() -> String {
    let zekron = json!({ "models": { "zekron-xl":
        { "min": 20_000, "max": 24_000, "max_side": 1024, "ms": 6_000 } } });
    let zsky = json!({ "month_images": 1, "month_videos": 0, "day_images": 9, "day_videos": 9,
        "image_ms": 8_000, "video_ms_per_second": 12_000, "max_video_seconds": 10,
        "overage": { "on": false, "cap": 0, "image": 0, "video": 0 } });
    let generor =
        json!({ "micro_usd_per_credit": 1_000, "models": { "10003": { "credits": 30, "ms": 9 } } });
    let head = json!({ "format": "routing-trace/1", "name": "small", "public": {
        "vendors": { "zekron": zekron, "zsky": zsky, "generor": generor },
        "classes": { "draft": { "kind": "image",
            "candidates": ["zekron/zekron-xl", "zsky/image", "generor/10003"] } } } });
    let line = |hour: i64, size: u32| {
        json!({ "t": 1_780_300_800_000_i64 + hour * 3_600_000, "class": "draft", "team": "a", "n": 1,
            "size": size, "prompt_chars": 9, "deadline": 60_000, "penalty": 100_000 })
    };
    format!("{head}\n{}\n{}\n{}\n", line(0, 512), line(1, 512), line(2, 2048))
}

#[tokio::test]
async fn a_trace_of_the_routing_game_is_played_with_its_own_plan_packed_or_not() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("small.jsonl"), game()).expect("it is written");
    let file = fs::File::create(folder.path().join("small.jsonl.gz")).expect("a file");
    let mut packer = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    packer.write_all(game().as_bytes()).expect("it is packed");
    packer.finish().expect("it is packed");
    let plain = json_of(&simulate(folder.path(), "small.jsonl", &[]).await);
    let packed = json_of(&simulate(folder.path(), "small.jsonl.gz", &[]).await);
    assert_eq!(plain["rows"], packed["rows"]);
    // The first has the unit, the second costs the middle of a range, the third is too large for that one.
    assert_eq!(outcome(&plain, "table"), (22_000 + 30_000, 1, 1, 0), "{plain}");
    assert_eq!(row(&plain, "table")["requests"]["generor"], 1);
    let more =
        json_of(&simulate(folder.path(), "small.jsonl", &["--allowance", "zsky.images=9"]).await);
    assert_eq!(outcome(&more, "table, changed"), (0, 3, 0, 0), "{more}");
}

#[tokio::test]
async fn what_is_wrong_with_a_file_is_told_with_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let write =
        |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("it is written");
    let head = "id,transaction,at,account,amount_usd,kind,team,key,provider,model,generation";
    let entry = |at: &str, amount: &str| {
        format!(
            "1,att_1,{at},provider:zekron/main,{amount},charge,team_1,key_1,zekron,zekron/a,gen_1"
        )
    };
    let good = entry("2026-11-01T00:00:00Z", "0.05");
    write("empty.csv", "");
    write("other.csv", "a,b\n1,2\n");
    write("short.csv", &format!("{head}\r\n{good}\r\n1,2\r\n"));
    write("time.csv", &format!("{head}\n{}\n", entry("yesterday", "0.05")));
    write("money.csv", &format!("{head}\n{good}\n{}\n", entry("2026-11-01T00:00:00Z", "five")));
    write("quote.csv", &format!("{head}\n{good}\n1,\"2\n"));
    write("none.csv", &format!("{head}\n"));
    write("other.jsonl", "{\"format\":\"another\",\"public\":{}}\n");
    write("class.jsonl", &game().replacen("\"class\":\"draft\"", "\"class\":\"none\"", 1));
    write("cut.jsonl", &game()[..game().len() - 9]);
    write("no.jsonl.gz", "this is not packed");
    write("words.txt", "hello");
    for (file, told) in [
        ("empty.csv", "empty.csv: line 1: the file is empty"),
        ("other.csv", "other.csv: line 1: there is no column transaction"),
        ("short.csv", "short.csv: line 3: it has 2 cells and the head 11"),
        ("time.csv", "time.csv: line 2: \"yesterday\" is not a time"),
        ("money.csv", "money.csv: line 3: \"five\" is not an amount"),
        ("quote.csv", "quote.csv: line 3: a quote does not end"),
        ("none.csv", "none.csv has no request in that time"),
        ("other.jsonl", "other.jsonl: line 1: "),
        ("class.jsonl", "class.jsonl: line 2: there is no class \"none\""),
        ("cut.jsonl", "cut.jsonl: line 4: "),
        ("no.jsonl.gz", "no.jsonl.gz: line 1: "),
        ("words.txt", "words.txt: a trace is the word ledger"),
        ("nowhere.csv", "nowhere.csv: "),
        ("ledger", "there is no database at "),
    ] {
        let output = simulate(folder.path(), file, &[]).await;
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{file}: {said}");
        assert!(said.contains(told) && output.stdout.is_empty(), "{file}: {said}");
    }
    write("good.csv", &format!("{head}\n{good}\n"));
    for (flags, told) in [
        (["--without", "nobody"], "no provider \"nobody\""),
        (["--allowance", "zekron.images=5"], "zekron has no plan with units; zsky/main has one"),
        (["--from", "2026-11-02"], "has no request in that time"),
    ] {
        let output = simulate(folder.path(), "good.csv", &flags).await;
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains(told), "{flags:?}: {said}");
    }
    let good = json_of(&simulate(folder.path(), "good.csv", &["--to", "2026-11-02"]).await);
    assert_eq!(row(&good, "as it was")["charged_usd"], "0.050000");
}
