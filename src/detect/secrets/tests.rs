//! Every format has a positive and a negative example, built at run time; no value here is real.

use super::formats::{Class, Part, all};
use super::*;

/// Reproducible characters of a class.
struct Made(u64);

impl Made {
    fn text(&mut self, class: Class, length: usize) -> String {
        let alphabet: Vec<u8> =
            (0x21..0x7f).filter(|byte| class.holds(*byte) && !matches!(byte, b'=' | b'.' | b'-' | b'_')).collect();
        (0..length)
            .map(|_| {
                self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let index = usize::try_from(self.0 >> 33).unwrap() % alphabet.len();
                char::from(alphabet[index])
            })
            .collect()
    }
}

fn example(format: &super::formats::Format, cut: bool) -> String {
    let mut made = Made(format.prefix.len() as u64 + 77);
    // What has nothing behind its fixed part is cut before it.
    let shorter = usize::from(cut && format.body.is_empty());
    let lead = format.lead.map_or(String::new(), |(class, least, _)| made.text(class, least - shorter));
    let mut body = String::new();
    for part in format.body {
        match *part {
            Part::Fixed(fixed) => body.push_str(fixed),
            Part::Run(class, least, _) => body.push_str(&made.text(class, if cut { least - 1 } else { least })),
        }
    }
    format!("{lead}{}{body}", format.prefix)
}

#[test]
fn every_format_finds_its_own_token_and_leaves_a_shorter_one() {
    for format in all() {
        let text = format!("value = \"{}\"\n", example(format, false));
        let found = detect_tokens(text.as_bytes());
        assert!(found.iter().any(|hit| hit.rule == format.id), "{} is not found in its own example", format.id);
        let short = format!("value = \"{}\"\n", example(format, true));
        let found = detect_tokens(short.as_bytes());
        assert!(!found.iter().any(|hit| hit.what == format.what), "{} is found where it is too short", format.what);
        let blank: String = example(format, false)
            .chars()
            .enumerate()
            .map(|(at, letter)| if at < format.prefix.len() { letter } else { 'x' })
            .collect();
        let found = detect_tokens(blank.as_bytes());
        assert!(!found.iter().any(|hit| hit.rule == format.id), "{} is found in a row of x", format.id);
    }
}

#[test]
fn the_formats_of_at_least_a_hundred_and_twenty_services_are_known() {
    // A rule is called by its service first: `google-api-key`, `google-oauth-token`.
    let services: std::collections::BTreeSet<_> = all().filter_map(|format| format.id.split('-').next()).collect();
    assert!(services.len() >= 120, "{}", services.len());
}

fn sure(path: &str, text: &str) -> Vec<(u32, &'static str)> {
    detect(path, text.as_bytes())
        .into_iter()
        .filter(|hit| hit.confidence >= Confidence::Medium)
        .map(|hit| (hit.line, hit.rule))
        .collect()
}

#[test]
fn passwords_are_found_in_each_syntax() {
    let value = ["Qw7", "rt!Zx", "9pLm"].concat();
    for (path, text) in [
        (".env", format!("PORT=1\nDB_PASSWORD={value}\n")),
        ("prod.env", format!("\nexport DB_PASSWORD='{value}'\n")),
        ("app.ini", format!("[db]\npassword = {value}\n")),
        ("app.properties", format!("\nspring.datasource.password={value}\n")),
        ("app.yaml", format!("db:\n  password: {value}\n")),
        ("app.json", format!("{{\n\"dbPassword\": \"{value}\"}}\n")),
        ("app.toml", format!("[db]\npassword = \"{value}\"\n")),
        ("app.xml", format!("<db>\n<password>{value}</password></db>\n")),
        ("main.py", format!("import x\npassword = \"{value}\"\n")),
        ("main.rs", format!("\nconst PASSWORD: &str = \"{value}\";\n")),
        ("main.go", format!("\nvar dbPassword string = \"{value}\"\n")),
        ("Main.java", format!("\nString password = \"{value}\";\n")),
        ("web.config", format!("\n<add connectionString=\"Server=db;User Id=sa;Password={value};\" />\n")),
        ("Dockerfile", format!("FROM x\nENV DB_PASSWORD={value}\n")),
        (".netrc", format!("machine example.org\nlogin me password {value}\n")),
        (".pgpass", format!("# hosts\ndb.example.org:5432:app:me:{value}\n")),
    ] {
        let found = sure(path, &text);
        assert_eq!(found.len(), 1, "{path}: {found:?}");
        assert_eq!(found[0].0, 2, "{path}");
    }
}

#[test]
fn keys_tokens_and_urls_are_found() {
    let mut made = Made(3);
    let key = format!(
        "-----BEGIN {} KEY-----\n{}\n{}\n-----END",
        "PRIVATE",
        made.text(Class::Base64, 64),
        made.text(Class::Base64, 64)
    );
    assert_eq!(sure("deploy", &key), [(1, "private-key")]);
    let url = format!("DATABASE_URL=postgres://app:{}@db.internal:5432/app\n", made.text(Class::Alnum, 16));
    assert_eq!(sure(".env", &url), [(1, "url-credentials")]);
    use base64::Engine as _;
    let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    let jwt =
        format!("{}.{}.{}", encode("{\"alg\":\"HS256\"}"), encode("{\"sub\":\"me\"}"), made.text(Class::Alnum, 43));
    assert_eq!(sure("notes.txt", &format!("curl -H 'X: {jwt}'\n")), [(1, "jwt")]);
}

#[test]
fn what_is_no_secret_is_left_alone() {
    for (path, text) in [
        (".env.example", "DB_PASSWORD=changeme\nAPI_KEY=\nTOKEN=<your token>\nSECRET=xxxxxxxx\n"),
        ("app.yaml", "password: ${DB_PASSWORD}\ntoken: {{ .Values.token }}\nsecretName: tls-secret-production-1\n"),
        (
            "main.py",
            "password = os.environ['DB_PASSWORD']\ntoken = request.headers.get('X-Token')\nkey = \"user.name\"\n",
        ),
        ("main.ts", "const tokenUrl = 'https://auth.example.org/oauth/token2';\nconst password = form.password;\n"),
        ("main.rs", "let token = tokens.next();\nif key == other_key { password = prompt(\"Password: \") }\n"),
        ("compose.yml", "POSTGRES_PASSWORD_FILE: /run/secrets/db_password\n"),
        ("README.md", "Set the password to whatever you like; the token: see below.\n"),
        ("a.env", "PORT=8080\nDATABASE_URL=postgres://localhost:5432/app\nDEBUG=true\nMAX_TOKENS=4096\n"),
        (".env", "DB_PASSWORD=\"encrypted:BGhX9zQkLw8Xc4Vb7Nm1Td5aaQ\"\n"),
    ] {
        assert_eq!(sure(path, text), [], "{path}");
    }
}

#[test]
fn an_inline_allowance_is_seen_and_does_not_hide_the_finding() {
    let value = ["Qw7", "rt!Zx", "9pLm"].concat();
    let text = format!("password = \"{value}\" # gitleaks:allow\n");
    let hits = detect("app.ini", text.as_bytes());
    assert_eq!(hits.len(), 1);
    assert!(hits[0].allowed);
}

#[test]
fn nothing_a_hit_shows_holds_the_value() {
    let value = ["Qw7", "rt!Zx", "9pLm"].concat();
    let text = format!("password = {value}\n");
    let shown = format!("{:?}", detect("app.ini", text.as_bytes()));
    assert!(!shown.contains(&value));
    assert_eq!(masked("app.ini", text.trim_end()), "password = [masked]");
}

#[test]
fn text_in_utf_16_is_read() {
    let text = format!("DB_PASSWORD={}\n", ["Qw7", "rt!Zx", "9pLm"].concat());
    let mut bytes = vec![0xff, 0xfe];
    bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    assert_eq!(detect(".env", &bytes).len(), 1);
}

#[test]
fn a_megabyte_on_one_line_is_read_in_bounded_time() {
    for piece in ["token:", "a(token,b);", "x=\"\";token:"] {
        let text = piece.repeat(1_200_000 / piece.len());
        assert_eq!(detect("x.min.js", text.as_bytes()), [], "{piece}");
    }
}

#[test]
fn the_name_that_a_line_assigns_to_goes_with_its_secret() {
    let value = Made(9).text(Class::Alnum, 18);
    for (text, name) in [
        (format!("log: info\nDATABASE_URL: postgres://stock:{value}@db.internal/stock\n"), "DATABASE_URL"),
        (format!("  \"url\": \"amqp://stock:{value}@mq.internal\"\n"), "url"),
        (format!("export DSN_URL='https://{value}:{value}x@errors.internal/1'\n"), "DSN_URL"),
    ] {
        assert_eq!(detect("a.yaml", text.as_bytes())[0].name.as_deref(), Some(name));
    }
}
