use super::*;

/// Whole answers whose end is told by themselves.
const WHOLE: [&str; 4] = [
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 13\r\n\r\n{\"items\":[1]}",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n3;x=y\r\n10}\r\n0\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\ncontent-length: 2\r\n\r\nno",
    "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Bearer\r\ncontent-length: 0\r\n\r\n",
];

async fn read(bytes: &[u8]) -> Result<(u16, Vec<u8>), Failure> {
    let mut reader = Reader { stream: bytes, buffer: Vec::new(), ended: false };
    reader.answer("GET").await.map(|(head, body, _)| (head.status, body))
}

#[tokio::test]
async fn an_answer_that_is_cut_at_any_byte_is_no_answer() {
    let mut cuts = 0;
    for whole in WHOLE {
        let (status, body) = read(whole.as_bytes()).await.unwrap();
        for end in 0..whole.len() {
            cuts += 1;
            let Ok((cut, part)) = read(&whole.as_bytes()[..end]).await else { continue };
            // Behind the last chunk only the trailers are missing, which are no evidence.
            assert!(cut == status && part == body, "cut at {end} of {whole:?}: {cut}");
        }
    }
    println!("{cuts} cuts");
}

#[tokio::test]
async fn an_answer_that_turns_into_garbage_at_any_byte_panics_nowhere_and_keeps_its_bounds() {
    for whole in WHOLE {
        for end in 0..whole.len() {
            let mut bytes = whole.as_bytes()[..end].to_vec();
            bytes.extend([0xff, 0, b'\n', 0x1b, b':', b'\r'].repeat(50));
            if let Ok((status, body)) = read(&bytes).await {
                assert!((100..1000).contains(&status) && body.len() <= BODY_CAP);
            }
        }
    }
}
