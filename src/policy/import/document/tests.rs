use super::*;

fn shown(source: &str) -> Vec<(Kind, String, &str)> {
    blocks(source).iter().map(|block| (block.kind, block.text(), source.get(block.range.clone()).unwrap())).collect()
}

#[test]
fn every_shape_of_block_is_taken() {
    let source = "# T\n\nPara *one*.\n\n- a\n  - b `c`\n- [x] d\n\n> quoted\n> on\n\n| h | i |\n|---|---|\n| 1 | 2 |\n\n```sh\nrun\n```\n\n<p>html</p>\n";
    let seen = shown(source);
    let texts: Vec<(Kind, &str)> = seen.iter().map(|(kind, text, _)| (*kind, text.as_str())).collect();
    assert_eq!(
        texts,
        [
            (Kind::Heading, "T"),
            (Kind::Prose, "Para one."),
            (Kind::Item, "a"),
            (Kind::Item, "b c"),
            (Kind::Item, "d"),
            (Kind::Prose, "quoted on"),
            (Kind::RowHeader, "h: i"),
            (Kind::Row, "1: 2"),
            (Kind::Code, ""),
            (Kind::Prose, "html"),
        ]
    );
    assert_eq!(seen[1].2, "Para *one*.");
}

#[test]
fn a_checkbox_knows_its_byte_and_a_list_what_leads_it_in() {
    let source = "\u{feff}If found, please:\n\n- [ ] **Do** it\n";
    let blocks = blocks(source);
    let tick = blocks[1].tick.unwrap();
    assert_eq!((tick.checked, source.as_bytes()[tick.at]), (false, b' '));
    assert_eq!(blocks[1].lead, ["If found, please:"]);
    assert_eq!(&source[blocks[1].range.clone()], "**Do** it");
}
