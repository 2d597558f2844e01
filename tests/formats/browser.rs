//! The page in a real browser: light and dark, 400 and 1280 pixels, nothing overflows, nothing runs.

use std::path::Path;
use std::process::Command;

use super::page;

#[test]
fn the_page_loads_nothing_and_runs_nothing() {
    let page = page();
    assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("<link") && !page.contains("url("));
    assert!(page.contains("default-src 'none'"));
    assert!(page.chars().all(|character| !character.is_control() || character == '\n'));
}

#[test]
#[ignore = "needs Debian's chromium: tests/run --all"]
fn nothing_overflows_light_or_dark_narrow_or_wide() {
    let folder = tempfile::tempdir().unwrap();
    let escaped = page().replace('&', "&amp;").replace('"', "&quot;");
    let mut grounds = Vec::new();
    for (scheme, word) in [(1, "light"), (0, "dark")] {
        for width in [400, 1280] {
            let frame = format!(
                "<!DOCTYPE html><body style='margin:0'><iframe id=f width={width} height=900 style='border:0' srcdoc=\"{escaped}\"></iframe>\
                 <pre id=out></pre><script>onload = () => {{\
                   const d = f.contentDocument, w = f.contentWindow;\
                   const out = [...d.querySelectorAll('body *')].filter(e => !e.closest('.scroll') && !e.closest('fieldset')\
                     && e.getBoundingClientRect().right > w.innerWidth + 0.5).slice(0, 5).map(e => e.outerHTML.slice(0, 80));\
                   document.getElementById('out').textContent = 'SEEN ' + JSON.stringify({{ scroll: d.documentElement.scrollWidth,\
                     inner: d.documentElement.clientWidth, out: out.map(escape), ground: w.getComputedStyle(d.body).backgroundColor,\
                     articles: d.querySelectorAll('article').length, ran: !!w.ran }}) + ' END';\
                 }}</script>"
            );
            let seen = look(folder.path(), &frame, scheme);
            assert_eq!(seen["scroll"], seen["inner"], "{word} at {width}: {seen}");
            assert_eq!(seen["out"], serde_json::json!([]), "{word} at {width}");
            assert!(seen["articles"].as_u64().unwrap() > 50, "{seen}");
            assert_eq!(seen["ran"], false);
            grounds.push(seen["ground"].to_string());
        }
    }
    assert_eq!(grounds[0], grounds[1]);
    assert_ne!(grounds[0], grounds[2], "dark is as light as light");
}

/// What the page's measurements say.
fn look(folder: &Path, frame: &str, scheme: u8) -> serde_json::Value {
    let file = folder.join("frame.html");
    std::fs::write(&file, frame).unwrap();
    let output = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .arg(format!("--blink-settings=preferredColorScheme={scheme}"))
        .args(["--window-size=1400,1000", "--virtual-time-budget=5000", "--dump-dom"])
        .arg(format!("file://{}", file.display()))
        .output()
        .expect("chromium starts: tests/run --all installs it");
    let dom = String::from_utf8_lossy(&output.stdout).into_owned();
    let seen =
        dom.split_once("<pre id=\"out\">SEEN ").and_then(|(_, rest)| rest.split_once(" END")).map(|(seen, _)| seen);
    serde_json::from_str(seen.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr)))).unwrap()
}
