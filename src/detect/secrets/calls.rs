//! Secrets that no name stands before: arguments of calls that log in, and of commands that take a password.

use std::ops::Range;

use base64::Engine as _;

use super::assign::{Literal, literal, literal_length};
use super::place::Syntax;
use super::shape::{is_password_like, is_random, kinds};
use super::weigh::{Pair, Scale};

/// Which argument of a call is the secret.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    /// Of user and password the second; of three or more the third, unless a callback follows the two.
    Account,
    /// Counted from 0.
    At(usize),
    Last,
    /// `user:password` in the first.
    Pair,
}

/// A call that is known to be given a secret without a name.
pub(super) struct Call {
    /// As it ends: the parenthesis, the bracket or the blank before its arguments among it.
    pub(super) name: &'static str,
    place: Place,
    /// What the argument is, as an assignment would name it.
    what: &'static str,
}

const fn account(name: &'static str) -> Call {
    Call { name, place: Place::Account, what: "password" }
}

const fn login(name: &'static str, place: Place) -> Call {
    Call { name, place, what: "password" }
}

const fn signing(name: &'static str, place: Place) -> Call {
    Call { name, place, what: "secret_key" }
}

/// By their documentation: who logs in with which argument, and which one signs or encrypts.
pub(super) const CALLS: &[Call] = &[
    account("connect("),
    account("Connection("),
    account("PDO("),
    account("BasicAuth("),
    account("basicAuth("),
    account("basic_auth("),
    account("authorization_basic("),
    account("basic_auth "),
    account("basicAuth "),
    account("basic-auth ["),
    account("DigestAuth("),
    account("auth=("),
    account("Credential("),
    account("Credentials("),
    account("Credentials.basic("),
    account("Credentials::new("),
    account("Credentials.new("),
    account("authenticate("),
    account(".login("),
    account("->login("),
    account("PasswordAuthentication("),
    account("CredentialsProvider("),
    account("AuthenticationToken("),
    account("PlainAuth("),
    account("mysqli("),
    account("mysql_connect("),
    account("mysqli_connect("),
    account("ftp_login("),
    account("ldap_bind("),
    account("FTP("),
    account("FTP.open("),
    account("Sequelize("),
    account("createUserWithEmailAndPassword("),
    account("signInWithEmailAndPassword("),
    login("real_connect(", Place::At(3)),
    login("fromDriverManager(", Place::At(3)),
    login("fromDriverManager[IO](", Place::At(3)),
    login(".Protect ", Place::At(0)),
    login(".Unprotect ", Place::At(0)),
    login("credentials(", Place::Last),
    login(".auth(", Place::Last),
    login("->auth(", Place::Last),
    login(":auth(", Place::Last),
    login("set_password(", Place::Last),
    login("setPassword(", Place::Last),
    login("create_user(", Place::Last),
    login("create_superuser(", Place::Last),
    login("simple_bind_s(", Place::At(1)),
    login(".begin(", Place::At(1)),
    login("userauth_password(", Place::At(1)),
    login("password_hash(", Place::At(0)),
    login("bcrypt.hash(", Place::At(0)),
    login("bcrypt.hashSync(", Place::At(0)),
    login("GenerateFromPassword(", Place::At(0)),
    login("hashpw(", Place::At(0)),
    login("PasswordProtection(", Place::At(0)),
    login("X509Certificate2(", Place::At(1)),
    login("pgp_sym_encrypt(", Place::At(1)),
    login("pgp_sym_decrypt(", Place::At(1)),
    login("Password.create(", Place::At(0)),
    login("ks.load(", Place::At(1)),
    login("keyStore.load(", Place::At(1)),
    login("keystore.load(", Place::At(1)),
    login("trustStore.load(", Place::At(1)),
    signing("StaticCredentials(", Place::At(1)),
    signing("AWSCredentials(", Place::At(1)),
    signing("AwsCredentials(", Place::At(1)),
    signing("Aws::Credentials.new(", Place::At(1)),
    signing("AuthenticationHeaderValue(", Place::At(1)),
    login("btoa(", Place::Pair),
    login("encode_base64(", Place::Pair),
    login("b64encode(", Place::Pair),
    login("Base64.encode(", Place::Pair),
    login("Base64.strict_encode64(", Place::Pair),
    login("base64_encode(", Place::Pair),
    login("KeyStore.load(", Place::At(1)),
    login("SMTP.start(", Place::At(4)),
    signing("SecretString::new(", Place::At(0)),
    signing("SecretStr(", Place::At(0)),
    signing("from_secret(", Place::At(0)),
    signing("new_from_slice(", Place::At(0)),
    signing("signWith(", Place::At(1)),
    signing("AES.encrypt(", Place::At(1)),
    signing("AES.decrypt(", Place::At(1)),
    signing("SecretKeySpec(", Place::At(0)),
    signing("SymmetricSecurityKey(", Place::At(0)),
    signing("hmacShaKeyFor(", Place::At(0)),
    signing("SignedString(", Place::At(0)),
    signing("jwt.sign(", Place::At(1)),
    signing("jwt.verify(", Place::At(1)),
    signing("jwt.encode(", Place::At(1)),
    signing("jwt.decode(", Place::At(1)),
    signing("JWT.encode(", Place::At(1)),
    signing("JWT.decode(", Place::At(1)),
    signing("JWT::encode(", Place::At(1)),
    signing("JWT::decode(", Place::At(1)),
    signing("Algorithm.HMAC256(", Place::At(0)),
    signing("createHmac(", Place::At(1)),
    signing("hash_hmac(", Place::At(2)),
    signing("createCipheriv(", Place::At(1)),
    signing("createDecipheriv(", Place::At(1)),
    signing("openssl_encrypt(", Place::At(2)),
    signing("openssl_decrypt(", Place::At(2)),
    signing("hmac.new(", Place::At(0)),
    signing("hmac.New(", Place::At(1)),
    signing("OpenSSL::HMAC.hexdigest(", Place::At(1)),
    signing("Fernet(", Place::At(0)),
    signing("AES.new(", Place::At(0)),
    signing("NewCipher(", Place::At(0)),
    signing("('stripe')(", Place::At(0)),
    signing("Stripe(", Place::At(0)),
];

/// Bytes of a call's arguments that are looked at.
const LONGEST_CALL: usize = 400;

/// Weighs the secret argument of the call whose opening parenthesis, bracket or blank ends at `at`.
pub(super) fn call(text: &[u8], at: usize, call: &Call, scale: &mut Scale<'_>) {
    let Some(arguments) = call_arguments(text, at, !call.name.ends_with(' ')) else { return };
    let literals: Vec<Option<Range<usize>>> = arguments.iter().map(|part| literal_of(text, part.clone())).collect();
    let place = match call.place {
        Place::At(index) => index,
        Place::Pair => 0,
        Place::Last => match literals.iter().rposition(Option::is_some) {
            Some(index) => index,
            None => return,
        },
        Place::Account => match literals.len() {
            0 | 1 => return,
            2 => 1,
            // A callback may follow user and password.
            _ if literals.get(2).is_none_or(Option::is_none) && literals.first().is_some_and(Option::is_some) => 1,
            _ => 2,
        },
    };
    let Some(Some(span)) = literals.get(place) else { return };
    let Some(value) = text.get(span.clone()).and_then(|value| std::str::from_utf8(value).ok()) else { return };
    if call.place == Place::Pair {
        if let Some(length) = account_of(value) {
            let span = span.start + length..span.end;
            let password = value.get(length..).unwrap_or_default();
            scale.pair_as(Syntax::Code, &Pair::new(call.what, "", password, span, true));
        }
        return;
    }
    let password = call.what == "password";
    if value.starts_with("--")
        || password && value.contains(['/', ' ']) && !value.contains(|letter: char| letter.is_ascii_digit())
    {
        return;
    }
    // `.auth("github")`: a lone word is the name of something.
    let alone = literals.len() == 1 && matches!(call.place, Place::Last);
    if alone && !(is_password_like(value) && (kinds(value) >= 3 || is_random(value))) {
        return;
    }
    let user = literals.get(place.wrapping_sub(1)).and_then(Option::as_ref).and_then(|span| text.get(span.clone()));
    // To connect an event with its handler is no login.
    let user = call.place == Place::Account && (place >= 2 || call.name != "connect(") && user.is_some_and(is_user);
    scale.pair_as(Syntax::Code, &Pair { user, ..Pair::new(call.what, "", value, span.clone(), true) });
}

/// Whether a literal is somebody's name, and no stand-in for one.
pub(super) fn is_user(literal: &[u8]) -> bool {
    const ANYBODY: &[&str] = &[
        "user",
        "username",
        "usr",
        "me",
        "you",
        "foo",
        "bar",
        "alice",
        "bob",
        "john",
        "login",
        "email",
        "mail",
        "name",
        "test",
        "string",
        "guest",
        "someone",
        "myuser",
        "your_username",
        "text",
        "password",
        "required",
        "test_user",
        "testuser",
    ];
    std::str::from_utf8(literal).is_ok_and(|name| {
        (2..=60).contains(&name.len())
            && !name.contains([' ', '$', '{', '%', '<', '(', '/', ','])
            && name.chars().any(char::is_alphabetic)
            && !name.starts_with('-')
            && !ANYBODY.contains(&name.to_lowercase().as_str())
            && !name.to_lowercase().contains("example.com")
            && !name.to_lowercase().contains("test")
    })
}

/// Bytes of `user:` in `user:password`, where a string is nothing else.
pub(super) fn account_of(value: &str) -> Option<usize> {
    let (user, password) = value.split_once(':')?;
    let plain = (2..=40).contains(&user.len())
        && user.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._@-".contains(&byte));
    (plain && password.len() >= 4 && !password.contains([':', '/', ' ', '{', '%', '$'])).then_some(user.len() + 1)
}

/// A user and a password in brackets, as their names have it: `auth = ("user", "…")`.
pub(super) fn bracketed(text: &[u8], at: usize, scale: &mut Scale<'_>) {
    const AUTH: Call = account("auth=(");
    // A third element says how: `[$user, $password, 'digest']`.
    if call_arguments(text, at, true).is_some_and(|arguments| arguments.len() == 2) {
        call(text, at, &AUTH, scale);
    }
}

/// The arguments up to the bracket that closes them, or to the line's end where none opened.
fn call_arguments(text: &[u8], at: usize, bracketed: bool) -> Option<Vec<Range<usize>>> {
    let rest = text.get(at..text.len().min(at + LONGEST_CALL))?;
    let (mut arguments, mut start, mut index, mut depth) = (Vec::new(), 0, 0, 0_u32);
    while let Some(byte) = rest.get(index) {
        match byte {
            b'"' | b'\'' | b'`' => {
                let length = rest.get(index + 1..).and_then(|rest| rest.iter().position(|next| next == byte))?;
                index += length + 1;
                // Side by side, as Haskell and Lisp give them.
                let next = rest.get(index + 1..).unwrap_or_default();
                if depth == 0 && next.first() == Some(&b' ') && matches!(next.get(1), Some(b'"')) {
                    arguments.push(at + start..at + index + 1);
                    start = index + 1;
                }
            }
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' if depth > 0 => depth -= 1,
            b',' if depth == 0 => {
                arguments.push(at + start..at + index);
                start = index + 1;
            }
            b')' | b']' if depth == 0 && bracketed => {
                arguments.push(at + start..at + index);
                return Some(arguments);
            }
            b'\n' if !bracketed => break,
            b';' | b')' | b']' | b'}' if depth == 0 => break,
            _ => {}
        }
        index += 1;
    }
    if bracketed {
        return None;
    }
    arguments.push(at + start..at + index);
    Some(arguments)
}

/// The inside of the one literal that an argument is, bare, wrapped, or with a method called on it.
fn literal_of(text: &[u8], part: Range<usize>) -> Option<Range<usize>> {
    let written = text.get(part.clone())?;
    let blank = written.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let Literal { open, close } = literal(written.get(blank..)?)?;
    let open = blank + open;
    let length = literal_length(written.get(open..)?, close)?;
    let tail = written.get(open + length + 1..)?.trim_ascii();
    let ends = tail.is_empty() || matches!(tail.first(), Some(b'.' | b')' | b'}' | b']' | b'!' | b'?' | b'#' | b'"'));
    ends.then_some(part.start + open..part.start + open + length)
}

/// `Basic` and base64 of `user:password`.
pub(super) fn basic(text: &[u8], at: usize, scale: &mut Scale<'_>) {
    let Some(rest) = text.get(at..text.len().min(at + 300)) else { return };
    let length =
        rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')).count();
    let Some(written) = rest.get(..length).filter(|written| written.len() >= 8) else { return };
    encoded(written, at..at + length, scale);
}

/// `Bearer` and a token.
pub(super) fn bearer(text: &[u8], at: usize, scale: &mut Scale<'_>) {
    let Some(rest) = text.get(at..text.len().min(at + 2000)) else { return };
    let length = rest
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_' | b'.'))
        .count();
    let Some(value) = rest.get(..length).and_then(|value| std::str::from_utf8(value).ok()) else { return };
    if length >= 16 {
        scale.pair(&Pair::new("bearer", "", value, at..at + length, true));
    }
}

/// Base64 of `user:password`, wherever it stands.
pub(super) fn encoded(written: &[u8], span: Range<usize>, scale: &mut Scale<'_>) -> bool {
    let written = written.strip_suffix(b"==").or_else(|| written.strip_suffix(b"=")).unwrap_or(written);
    let Ok(bytes) = base64::engine::general_purpose::STANDARD_NO_PAD.decode(written) else { return false };
    let Ok(plain) = std::str::from_utf8(&bytes) else { return false };
    let Some((user, password)) = plain.split_once(':') else { return false };
    let printable = plain.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    if !printable || user.is_empty() {
        return false;
    }
    // A user alone, whose token is kept elsewhere.
    if password.is_empty() {
        return true;
    }
    scale.pair_as(Syntax::Config, &Pair::new("password", "", password, span, true));
    true
}

/// A command that takes a password on its line.
pub(super) struct Command {
    pub(super) name: &'static str,
    /// Behind which flags; none for the first word.
    flags: &'static [&'static str],
    /// Whether they take `user:password`, or a user and then the password.
    pairs: bool,
    /// Without a flag: which of its words it is, if the first one begins as one of `flags` has it.
    word: Option<usize>,
}

const fn command(name: &'static str, flags: &'static [&'static str]) -> Command {
    Command { name, flags, pairs: false, word: None }
}

const fn with_user(name: &'static str, flags: &'static [&'static str]) -> Command {
    Command { name, flags, pairs: true, word: None }
}

const fn positional(name: &'static str, first: &'static [&'static str], word: usize) -> Command {
    Command { name, flags: first, pairs: false, word: Some(word) }
}

pub(super) const COMMANDS: &[Command] = &[
    with_user("curl", &["-u", "--user", "--proxy-user"]),
    command("wget", &["--password=", "--http-password=", "--ftp-password="]),
    command("sshpass", &["-p"]),
    command("mysql", &["-p", "--password="]),
    command("mysqldump", &["-p", "--password="]),
    command("mysqladmin", &["-p", "--password="]),
    command("mongo", &["-p", "--password"]),
    command("mongodump", &["-p", "--password"]),
    command("mongosh", &["-p", "--password"]),
    command("mongorestore", &["-p", "--password"]),
    command("mongoimport", &["-p", "--password"]),
    command("mongoexport", &["-p", "--password"]),
    command("psexec", &["-p"]),
    command("cqlsh", &["-p"]),
    command("useradd", &["-p"]),
    command("usermod", &["-p"]),
    command("plink", &["-pw"]),
    command("pscp", &["-pw"]),
    command("schtasks", &["/rp", "/RP"]),
    command("mosquitto_pub", &["-P"]),
    command("mosquitto_sub", &["-P"]),
    command("ipmitool", &["-P"]),
    command("zip", &["-P"]),
    command("vault login", &[""]),
    with_user("http -a", &[""]),
    command("osql", &["-P"]),
    command("redis-cli", &["-a", "--pass"]),
    command("docker login", &["-p", "--password"]),
    command("podman login", &["-p", "--password"]),
    command("helm registry login", &["-p", "--password"]),
    command("az login", &["-p", "--password"]),
    command("sqlcmd", &["-P"]),
    command("bcp", &["-P"]),
    command("ldapsearch", &["-w"]),
    command("ldapmodify", &["-w"]),
    command("ConvertTo-SecureString", &["-String", ""]),
    command("--password-stdin", &["echo", "printf"]),
    command("passwd --stdin", &["echo", "printf"]),
    command("sudo -S", &["echo", "printf"]),
    command("openssl", &["pass:"]),
    command("keytool", &["-storepass", "-keypass"]),
    with_user("smbclient", &["-U"]),
    positional("htpasswd", &["-"], 2),
    positional("mosquitto_passwd", &["-"], 2),
    positional("mc alias set", &[""], 3),
    positional("mc config host add", &[""], 3),
    positional("composer config", &["http-basic.", "--global", "-g"], 2),
    positional("wpa_passphrase", &[""], 1),
    positional("rclone obscure", &[""], 0),
    positional("ansible-vault encrypt_string", &[""], 0),
    command("send \"", &["\\r"]),
    command("send -- \"", &["\\r"]),
    command("altool", &["-p", "--password"]),
    command("notarytool", &["--password"]),
    command("xfreerdp", &["/p:"]),
    command("nmcli", &["password"]),
    command("jarsigner", &["-storepass", "-keypass"]),
    command("apksigner", &["pass:"]),
    command("ldapadd", &["-w"]),
    command("ldapdelete", &["-w"]),
    command("ldappasswd", &["-w", "-s"]),
    command("psftp", &["-pw"]),
    command("security unlock-keychain", &["-p"]),
    command("security create-keychain", &["-p"]),
    command("security import", &["-P"]),
    with_user("sqlplus", &[""]),
    command("7z", &["-p"]),
    command("unzip", &["-P"]),
    with_user("rabbitmqctl add_user", &[""]),
    with_user("rabbitmqctl change_password", &[""]),
    with_user("chpasswd", &["echo"]),
    with_user("net user", &[""]),
    with_user("net use", &["/user:"]),
    command("snmpwalk", &["-A", "-X", "-c"]),
    with_user("lftp", &["-u"]),
];

/// Weighs what the command at `at` is given.
pub(super) fn given(text: &[u8], at: usize, command: &Command, scale: &mut Scale<'_>) {
    let end = at + command.name.len();
    if command.name.ends_with('"') {
        sent(text, at, end, scale);
        return;
    }
    let edge = |byte: Option<&u8>| {
        byte.is_none_or(|byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b'_' | b'-' | b'.' | b'/'))
    };
    let before = at.checked_sub(1).and_then(|index| text.get(index));
    if !(edge(before) || before == Some(&b'/')) || !edge(text.get(end)) {
        return;
    }
    let line = text.get(at..text.len().min(at + 600)).unwrap_or_default();
    let stop = line
        .iter()
        .enumerate()
        .position(|(index, byte)| {
            *byte == b'\n' && index.checked_sub(1).and_then(|index| line.get(index)) != Some(&b'\\')
        })
        .unwrap_or(line.len());
    let piped = command.flags.contains(&"echo");
    // `["sshpass", "-p", "…"]`: the quote belongs to the command's own name.
    let quoted = matches!(before, Some(b'"' | b'\'')) && before == text.get(end);
    let from = if piped { line_start(text, at) } else { end + usize::from(quoted) };
    // `'…' | ConvertTo-SecureString`
    let head = text.get(line_start(text, at)..at).unwrap_or_default().trim_ascii_end();
    if let Some(head) = head.strip_suffix(b"|").filter(|_| !piped).map(<[u8]>::trim_ascii_end) {
        let start = line_start(text, at);
        let close = head.len().saturating_sub(1);
        if let Some(quote @ (b'"' | b'\'')) = head.get(close)
            && let Some(open) = head.get(..close).and_then(|head| head.iter().rposition(|byte| byte == quote))
            && command.name.starts_with("ConvertTo")
            && let Some(value) = head.get(open + 1..close).and_then(|value| std::str::from_utf8(value).ok())
        {
            let span = start + open + 1..start + close;
            scale.pair_as(Syntax::Shell, &Pair::new("password", "", value, span, true));
            return;
        }
    }
    arguments(text, from..at + stop, command, scale);
}

/// `expect "password:"; send "…\r"`: what answers the question.
fn sent(text: &[u8], at: usize, start: usize, scale: &mut Scale<'_>) {
    let before = text.get(at.saturating_sub(100)..at).unwrap_or_default().to_ascii_lowercase();
    let asked = memchr::memmem::rfind(&before, b"expect").and_then(|at| before.get(at..));
    let asked = asked.is_some_and(|asked| {
        [&b"assword"[..], b"passphrase", b"passwort", b"contrase", b"mot de passe"]
            .iter()
            .any(|word| memchr::memmem::find(asked, word).is_some())
    });
    let inside = text.get(start..text.len().min(start + 200)).unwrap_or_default();
    let length = inside.iter().position(|byte| matches!(byte, b'"' | b'\n')).unwrap_or(inside.len());
    let value = inside.get(..length).and_then(|value| std::str::from_utf8(value).ok()).unwrap_or_default();
    let value = ["\\r", "\\n"].iter().find_map(|end| value.strip_suffix(end)).unwrap_or(value);
    if asked && !value.is_empty() {
        scale.pair_as(Syntax::Shell, &Pair::new("password", "", value, start..start + value.len(), true));
    }
}

fn line_start(text: &[u8], at: usize) -> usize {
    text.get(..at)
        .unwrap_or_default()
        .iter()
        .rev()
        .take(300)
        .position(|byte| *byte == b'\n')
        .map_or(at.saturating_sub(300), |length| at - length)
}

/// The words of a command line: what stands behind one of the flags.
fn arguments(text: &[u8], span: Range<usize>, command: &Command, scale: &mut Scale<'_>) {
    let Command { flags, pairs, .. } = *command;
    let Some(line) = text.get(span.clone()).and_then(|line| std::str::from_utf8(line).ok()) else { return };
    let mut words = words(line);
    if let Some(number) = command.word {
        let flags = words.iter().take_while(|word| word.text.starts_with('-')).count();
        let stop =
            words.iter().position(|word| matches!(word.text, "|" | "&&" | ";" | "||" | ">")).unwrap_or(words.len());
        words.truncate(stop);
        let first = words.first().map_or("", |word| word.text);
        // `htpasswd -c file user` asks; `-n` names no file.
        let asks = flags > 0 && !words.iter().take(flags).any(|word| word.text.contains('b'));
        if !command.flags.iter().any(|start| first.starts_with(start)) || command.flags == ["-"] && asks {
            return;
        }
        let fewer = usize::from(command.flags == ["-"] && words.iter().take(flags).any(|word| word.text.contains('n')));
        words.drain(..flags);
        if let Some(word) = words.get(number - fewer) {
            let start = span.start + word.at;
            let pair = Pair::new("password", "", word.text, start..start + word.text.len(), true);
            scale.pair_as(Syntax::Shell, &pair);
        }
        return;
    }
    let give = |word: &Word<'_>, scale: &mut Scale<'_>| {
        let start = span.start + word.at;
        let pair = Pair::new("password", "", word.text, start..start + word.text.len(), true);
        scale.pair_as(Syntax::Shell, &pair);
    };
    for (index, word) in words.iter().enumerate() {
        let piped = flags.contains(&"echo");
        if !piped && matches!(word.text, "|" | "&&" | ";" | "||") {
            break;
        }
        let said = if piped { word.text.trim_start_matches('@') } else { word.text };
        let Some(flag) = flags.iter().find(|flag| said.starts_with(**flag)) else { continue };
        let attached = word.text.get(flag.len()..).unwrap_or_default();
        let long = flag.starts_with("--") && !flag.ends_with('=');
        let (value, next) = if flag.is_empty() || attached.is_empty() || piped {
            // `echo -n`, `printf '%s'`
            let options = words.iter().skip(index + 1).take_while(|_| piped);
            let options = options.take_while(|word| word.text.starts_with(['-', '%'])).count();
            match words.get(index + usize::from(!flag.is_empty()) + options) {
                Some(next) if !next.text.starts_with('-') => (Word { text: next.text, at: next.at }, index + 2),
                Some(_) | None => continue,
            }
        } else if long {
            let Some(value) = attached.strip_prefix('=') else { continue };
            (Word { text: value, at: word.at + flag.len() + 1 }, index + 1)
        } else if word.text.starts_with("--") && !flag.starts_with("--") {
            continue;
        } else {
            // `-p'secret'` keeps its flag and loses its quotes.
            let inside = attached.trim_start_matches(['"', '\'']);
            (Word { text: inside, at: word.at + flag.len() + attached.len() - inside.len() }, index + 1)
        };
        // A lone flag asks for the password: `mysql -p database` names no password.
        if *flag == "-p" && attached.is_empty() && flags.contains(&"--password=") {
            continue;
        }
        if !pairs {
            give(&value, scale);
            return;
        }
        if command.name == "sqlplus" {
            // `user/password@host`
            if let Some((user, rest)) = value.text.split_once('/').filter(|(user, _)| !user.is_empty()) {
                let password = rest.split('@').next().unwrap_or_default();
                give(&Word { text: password, at: value.at + user.len() + 1 }, scale);
            }
            return;
        }
        match value.text.split_once([':', '%']) {
            Some((user, password)) => {
                give(&Word { text: password, at: value.at + user.len() + 1 }, scale);
            }
            None if flag.is_empty() || matches!(*flag, "-b" | "/user:") => {
                let offset = usize::from(!flag.is_empty());
                if let Some(password) = words.get(next - 1 + offset) {
                    give(password, scale);
                }
            }
            None => {}
        }
        return;
    }
}

struct Word<'a> {
    text: &'a str,
    at: usize,
}

/// Words between blanks, quotes taken off.
fn words(line: &str) -> Vec<Word<'_>> {
    let (mut words, mut start, mut quote): (Vec<Word<'_>>, Option<usize>, Option<char>) = (Vec::new(), None, None);
    let mut push = |start: usize, end: usize| {
        if let Some(text) = line.get(start..end) {
            // `["sshpass", "-p", "…"]` is a command line, too.
            let inside = text.trim_end_matches([',', ']', ')', ';']).trim_matches(['"', '\'', '[']);
            let lead = text.find(inside).unwrap_or(0);
            // `-p'secret'` keeps its flag and loses its quotes.
            words.push(Word { text: inside, at: start + lead });
        }
    };
    for (index, letter) in line.char_indices().take(600) {
        match quote {
            Some(open) if open == letter => quote = None,
            Some(_) => {}
            None if letter.is_whitespace() => {
                if let Some(start) = start.take() {
                    push(start, index);
                }
                continue;
            }
            None if matches!(letter, '"' | '\'') => quote = Some(letter),
            None => {}
        }
        start.get_or_insert(index);
    }
    if let Some(start) = start {
        push(start, line.len());
    }
    words
}
