//! Searching the changes of a blob alone finds exactly what searching it whole finds.

use super::*;

/// Reproducible numbers.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % most
    }

    fn value(&mut self) -> String {
        (0..18)
            .map(|_| char::from(b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"[self.below(56)]))
            .collect()
    }
}

const NAMES: &[&str] = &[
    "app.py",
    "main.go",
    "run.sh",
    "NOTES",
    "README.md",
    "values.yaml",
    "package.json",
    "app.ini",
    "web.xml",
    "dump.sql",
    "site.tf",
    "Main.java",
    "index.ts",
    "conf/nginx.conf",
    "page.html",
];

/// A line as such a file may have it; some hold a secret, some half of one.
fn line(name: &str, dice: &mut Dice) -> String {
    let value = dice.value();
    let number = dice.below(1000);
    let key = ["password", "db_password", "api_key", "token", "name", "value", "title", "client_secret"][dice.below(8)];
    let plain = match dice.below(9) {
        0 => format!("see https://example.org/{number}?token={value} for more"),
        1 => format!("url = postgres://app:{value}@db.internal/{number}"),
        2 => token(&format!("{number:03}")),
        3 => format!("curl -u app:{value} https://api.internal/{number}"),
        4 => format!("-----BEGIN {} KEY-----", "PRIVATE"),
        5 => value.repeat(4),
        6 => format!("-----END {} KEY-----", "PRIVATE"),
        _ => format!("nothing of interest, number {number}"),
    };
    match (dice.below(3), name.rsplit('.').next().unwrap()) {
        (0, "py" | "go" | "ts" | "java") => format!("{key} = \"{value}\""),
        (0, "sh") => format!("export {}={value}", key.to_uppercase()),
        (0, "yaml") => format!("{}{key}: {value}", "  ".repeat(dice.below(4))),
        (0, "json") => format!("\"{key}\": \"{value}\","),
        (0, "ini" | "conf") => format!("{key} = {value}"),
        (0, "xml") => format!("<{key}>{value}</{key}>"),
        (0, "sql") => format!("INSERT INTO users (name, password) VALUES ('a{number}', '{value}');"),
        (0, "tf") => format!("{key} = \"{value}\""),
        (0, _) => format!("{key}: {value}"),
        (1, "py" | "sh" | "yaml" | "ini") => format!("# {plain}"),
        (1, "go" | "java" | "ts") => format!("// {plain}"),
        _ => plain,
    }
}

#[test]
fn what_a_blob_shares_with_its_base_is_found_as_if_it_were_searched_whole() {
    let made = Made::new();
    let mut dice = Dice(20_261_124);
    let mut files: Vec<Vec<String>> =
        NAMES.iter().map(|name| (0..120).map(|_| line(name, &mut dice)).collect()).collect();
    for round in 0..24 {
        for (name, lines) in NAMES.iter().zip(&mut files) {
            for _ in 0..=dice.below(3) {
                let at = dice.below(lines.len());
                match dice.below(4) {
                    0 => drop(lines.remove(at)),
                    1 => lines[at] = line(name, &mut dice),
                    2 => lines.insert(at, line(name, &mut dice)),
                    // A piece moves, as in a rewrite.
                    _ => {
                        let piece: Vec<String> = lines.drain(at..(at + 7).min(lines.len())).collect();
                        let to = dice.below(lines.len());
                        lines.splice(to..to, piece);
                    }
                }
            }
            made.write(name, &(lines.join("\n") + "\n"));
        }
        made.commit(&format!("round {round}"));
    }
    made.git(&["repack", "-q", "-a", "-d", "-f", "--depth=40", "--window=40"]);

    let open::Found::Git(opened) = open::open(&made.root).unwrap() else { panic!("a repository") };
    let key = Key::kept_for_test();
    let settings = Settings { key: &key, cache: None, values: true, rules: None };
    let budget = Budget::new(Arc::default(), Duration::from_mins(5));
    let history = history::read(&opened, &settings, &budget).unwrap();
    assert_eq!((history.damaged, history.missing), (0, 0));

    let short = |caught: &[history::Caught]| -> Vec<(String, u32, String)> {
        caught.iter().map(|one| (one.hit.rule.to_owned(), one.hit.line, one.fingerprint.clone())).collect()
    };
    let (mut compared, mut found) = (0, 0);
    for place in made.git(&["rev-list", "--objects", "--all"]).lines() {
        let Some((id, name)) = place.split_once(' ').filter(|(_, name)| NAMES.contains(name)) else { continue };
        let id = gix::ObjectId::from_hex(id.as_bytes()).unwrap();
        let blob = opened.repo.find_blob(id).unwrap();
        let file = name.rsplit('/').next().unwrap();
        let read = content::search(file, content::kind(file, &blob.data), &blob.data, None);
        let plain = short(&history::catch(&read.hits, &read.text, &key));
        let ours = history.blobs.get(&id).map(|blob| short(&blob.caught)).unwrap_or_default();
        assert_eq!(ours, plain, "{name} {id}");
        compared += 1;
        found += plain.len();
    }
    assert!(compared > 300 && found > 3000, "{compared} blobs, {found} findings");
}
