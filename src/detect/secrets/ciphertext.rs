//! Values that tools have encrypted. What only begins as one of them does is no ciphertext.

/// Values of sops, dotenvx, ansible-vault, sealed secrets, age, KMS, Vault's transit, Jasypt and the like.
pub(super) fn is_ciphertext(value: &str) -> bool {
    let after = |start: &str| value.strip_prefix(start);
    // Where the text itself stands elsewhere: on the next lines, or below a tag.
    let opens = |start: &str| after(start).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric()));
    if ["!vault", "!encrypted"].iter().any(|start| opens(start))
        || ["-----BEGIN AGE ENCRYPTED", "-----BEGIN PGP MESSAGE"].iter().any(|start| value.starts_with(start))
    {
        return true;
    }
    // `$ANSIBLE_VAULT;1.1;AES256`
    if let Some(rest) = after("$ANSIBLE_VAULT;") {
        return rest.starts_with(|c: char| c.is_ascii_digit()) && rest.contains(";AES");
    }
    // `ENC[AES256_GCM,data:…,iv:…,tag:…]` of sops, `ENC[PKCS7,…]` of eyaml.
    if let Some(rest) = after("ENC[") {
        // A reader of plain text cuts the value at its first comma.
        if ["AES256_GCM", "PKCS7", "GPG", "KMS"].contains(&rest) {
            return true;
        }
        let (scheme, data) = rest.split_once(',').unwrap_or((rest, ""));
        return !data.is_empty() && is_name(scheme) && data.len() >= 24 || is_filler(rest, ']');
    }
    if let Some(rest) = after("ENC(") {
        return rest.strip_suffix(')').is_some_and(|inside| is_base64(inside, 24)) || is_filler(rest, ')');
    }
    // `vault:v1:…`
    if let Some(rest) = after("vault:v") {
        return rest
            .split_once(':')
            .is_some_and(|(version, data)| version.bytes().all(|byte| byte.is_ascii_digit()) && is_base64(data, 24));
    }
    // `{…=}` of Maven's master password and of Jenkins.
    if let Some(data) = after("{").and_then(|rest| rest.strip_suffix("=}")) {
        return is_base64(data, 40);
    }
    // `{AES}`, `{AES256}`
    if let Some((_, data)) = after("{AES").and_then(|rest| rest.split_once('}')) {
        return is_base64(data, 20);
    }
    const DATA: &[(&str, usize)] = &[("encrypted:", 24), ("{cipher}", 24), ("{ENC}", 16)];
    // The first letters of the form are data themselves.
    const BEGINNINGS: &[(&str, usize)] = &[("AQICAH", 60), ("Ag", 300), ("CiQA", 60), ("gAAAAAB", 60), ("age1", 58)];
    DATA.iter().any(|(start, least)| after(start).is_some_and(|data| is_base64(data, *least)))
        || BEGINNINGS.iter().any(|(start, least)| value.starts_with(start) && is_base64(value, *least))
}

fn is_base64(text: &str, least: usize) -> bool {
    text.len() >= least
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_'))
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// What documentation puts there: dots, or words.
fn is_filler(rest: &str, close: char) -> bool {
    rest.strip_suffix(close)
        .is_some_and(|inside| inside.bytes().all(|byte| byte.is_ascii_lowercase() || b".-_ ".contains(&byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_tool_encrypted_is_ciphertext() {
        let data = "q7Zk2Lw9Xc4Vb8Nm1Td5Rf3Hs6Jp0Gy2Au4Eq7Zk2Lw9Xc4Vb8Nm1Td5Rf3Hs6Jp";
        for value in [
            format!("ENC[AES256_GCM,data:{data},iv:{data}=,tag:{data}==,type:str]"),
            format!("ENC[PKCS7,{data}]"),
            "ENC[AES256_GCM".to_owned(),
            format!("ENC({data})"),
            "ENC(encrypted-value)".to_owned(),
            format!("encrypted:{data}"),
            "$ANSIBLE_VAULT;1.1;AES256".to_owned(),
            "!vault |".to_owned(),
            "!vault".to_owned(),
            format!("{{cipher}}{data}"),
            format!("{{AES}}{data}="),
            format!("{{{data}=}}"),
            format!("vault:v1:{data}"),
            format!("gAAAAAB{data}"),
            format!("age1{}", data.to_lowercase()),
        ] {
            assert!(is_ciphertext(&value), "{value}");
        }
    }

    #[test]
    fn what_only_begins_like_ciphertext_is_none() {
        let secret = ["Qw7rt", "Zx9pLm"].concat();
        for start in [
            "ENC[",
            "ENC(",
            "encrypted:",
            "$ANSIBLE_VAULT",
            "$ANSIBLE_VAULT;",
            "!vault",
            "!encrypted",
            "{cipher}",
            "{AES",
            "{AES}",
            "vault:v",
            "vault:v1:",
            "AQICAH",
            "gAAAAAB",
            "age1",
            "CiQA",
            "{ENC}",
            "Ag",
        ] {
            assert!(!is_ciphertext(&format!("{start}{secret}")), "{start}");
        }
        assert!(!is_ciphertext(&format!("ENC({secret})")));
        assert!(!is_ciphertext(&format!("ENC[{secret}]")));
    }
}
