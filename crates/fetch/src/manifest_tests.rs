use super::*;

const SMALL: &str = r#"
[[set]]
name = "few"
title = "A few"
licence = "CC0"
authors = "A. Nobody"
paper = "Few"
year = 2026
venue = "nowhere"
home = "http://127.0.0.1/"
version = "1"
classes = 2
samples = 7
folder = "."

[[set.file]]
name = "few.bin"
urls = ["http://127.0.0.1:1/few.bin"]
size = 12
"#;

#[test]
fn the_known_sets_are_read() {
    let manifest = Manifest::known();
    let names: Vec<&str> = manifest.sets().iter().map(|set| set.name.as_str()).collect();
    assert_eq!(names, ["shd", "ssc", "gsc", "gsc1", "fsdd", "asc", "digits"]);
    for (name, classes, samples, files) in [
        ("shd", 20, 8156 + 2264, 2),
        ("ssc", 35, 75_466 + 9981 + 20_382, 3),
        ("gsc", 35, 105_829, 1),
        ("gsc1", 30, 64_727, 1),
        ("fsdd", 10, 3000, 1),
        ("asc", 40, 12_000, 1),
        ("digits", 20, 4500, 0),
    ] {
        let set = manifest.set(name).unwrap();
        assert_eq!((set.classes, set.samples.total(), set.files.len()), (classes, samples, files), "{name}");
        assert!(
            set.files.iter().flat_map(|file| &file.urls).all(|url| url.starts_with("https://")),
            "{name}"
        );
    }
    assert_eq!(manifest.set("gsc").unwrap().size(), Some(2_428_923_189));
    assert_eq!(manifest.set("shd").unwrap().size(), None);
    assert_eq!(manifest.set("digits").unwrap().size(), Some(0));
    let error = manifest.set("mnist").unwrap_err().to_string();
    assert_eq!(error, "no data set \"mnist\"; expected one of shd, ssc, gsc, gsc1, fsdd, asc, digits");
    assert_eq!(
        manifest.set("gsc").unwrap().citation(),
        "P. Warden (2018). Speech Commands: A Dataset for Limited-Vocabulary Speech Recognition. arXiv:1804.03209, \
         doi:10.48550/arXiv.1804.03209"
    );
}

#[test]
fn a_fault_is_named_with_file_set_and_key() {
    assert_eq!(Manifest::parse("own.toml", SMALL).unwrap().sets().len(), 1);
    for (from, to, message) in [
        ("classes = 2", "classes = \"two\"", "set few, classes: found \"two\"; expected a whole number"),
        ("classes = 2", "", "set few, classes: found nothing; expected a whole number of at least 0"),
        ("year = 2026", "year = -1", "set few, year: found -1; expected"),
        ("title = \"A few\"", "title = \"a\\u0007\"", "set few, title: found "),
        ("version", "versoin", "set few, version: found nothing; expected a text"),
        ("classes = 2", "classes = 2\nsort = 1", "set few, sort: found an unknown key; expected"),
        ("name = \"few\"", "", "set number 1, name: found nothing"),
        ("name = \"few\"", "name = \"../few\"", "set number 1, name: found \"../few\"; expected letters"),
        ("\"few.bin\"", "\"a/b\"", "set few, file 1, name: found \"a/b\"; expected letters"),
        ("\"few.bin\"", "\"SHA256SUMS\"", "set few, file 1, name: found SHA256SUMS; expected another name"),
        ("http://127.0.0.1:1", "ftp://127.0.0.1", "set few, file 1, urls: found \"ftp://127.0.0.1/few.bin\""),
        ("[\"http", "[1, \"http", "set few, file 1, urls: found [1, "),
        (
            "size = 12",
            "size = 12\nmd5 = \"abc\"",
            "set few, file 1, md5: found \"abc\"; expected 32 hexadecimal",
        ),
        ("size = 12", "strip = 1", "set few, file 1, strip: found a number; expected nothing without"),
        ("size = 12", "unpack = \"few.bin\"", "set few, file 1, unpack: found few.bin; expected another"),
        ("folder = \".\"", "folder = \"../x\"", "set few, folder: found \"../x\"; expected a path below"),
        ("samples = 7", "train = 7", "set few, test: found nothing"),
        ("[[set]]", "[[set", "line 2: found "),
        ("[[set]]", "[[sets]]", "set: found a table; expected tables under [[set]]"),
    ] {
        assert!(SMALL.contains(from), "{from}");
        let error = Manifest::parse("own.toml", &SMALL.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.starts_with(&format!("own.toml: {message}")), "{to}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    let error = Manifest::parse("own.toml", "").unwrap_err().to_string();
    assert_eq!(error, "own.toml: set: found nothing; expected at least one [[set]]");
    let twice = format!("{SMALL}{SMALL}");
    assert!(Manifest::parse("own.toml", &twice).unwrap_err().to_string().contains("set: found few twice"));
    let file = &SMALL[SMALL.find("[[set.file]]").unwrap()..];
    let twice = format!("{SMALL}{file}");
    assert!(
        Manifest::parse("own.toml", &twice).unwrap_err().to_string().contains("file: found few.bin twice")
    );
}
