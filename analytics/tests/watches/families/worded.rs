//! Words put together.

use super::Lcg;

const ADJECTIVES: &str = "amber ancient bitter blunt brisk broken calm careful clever cloudy cold \
    crooked daily damp dark distant dusty eager early easy empty faint fierce final gentle golden \
    grand hidden hollow honest idle inner iron keen lazy little lonely loyal merry mild modern \
    narrow noble odd pale patient plain proud quick quiet rapid ripe rough rural scarlet secret \
    sharp silent silver simple slender smooth solid steady stern sudden sunny tidy vivid wooden";
const NOUNS: &str = "anchor apple arrow barrel basket beacon blanket bottle branch bridge bucket \
    cabin candle canyon carpet castle chain circle cloud copper corner cotton desert dragon drawer \
    engine feather fence field finger flame forest garden glass hammer harbor helmet hunter island \
    jacket kettle ladder lantern leather letter market meadow mirror mountain needle orchard oyster \
    paper pepper pillow planet pocket puzzle rabbit ribbon river rocket saddle shadow shelter \
    shoulder spring station stone summer teacher temple thunder ticket tunnel valley velvet village \
    wagon walnut window winter yard";
const VERBS: &str = "accept answer argue arrive balance become believe borrow bring build carry \
    catch choose climb collect compare count cross decide deliver divide earn enter escape explain \
    follow forget gather handle hear hold improve invite join keep learn listen measure mention \
    notice offer open paint place prefer prepare protect publish reach remember repair return send \
    settle share stand start study suffer teach travel trust turn visit wait walk wonder write";
const TEXT: &str = "the people of these states hold that every person may speak and write and \
    print freely and that no law shall take away the right to gather in peace and to ask the \
    government to mend what is wrong nor shall soldiers be housed in time of peace without consent \
    of the owner and the house and papers of each person shall be safe against search unless a \
    judge has found good cause and said in writing which place and which things are meant";

fn one(lcg: &mut Lcg, list: &'static str) -> &'static str {
    let words: Vec<_> = list.split_whitespace().collect();
    lcg.among(&words)
}

/// Words of a text that everybody can read, from 12 to 24 letters.
pub(super) fn gozi(n: u32) -> String {
    let mut lcg = Lcg::new(0x9021 + n * 15_485);
    let mut label = String::new();
    let least = usize::try_from(12 + lcg.below(8)).unwrap();
    while label.len() < least {
        label += one(&mut lcg, TEXT);
    }
    label.truncate(24);
    format!("{label}.{}", ["com", "ru", "net"][usize::try_from(lcg.below(3)).unwrap()])
}

pub(super) fn matsnu(n: u32) -> String {
    let mut lcg = Lcg::new(0x3a75 + n * 32_452);
    let mut label = String::new();
    for list in [VERBS, NOUNS, VERBS, NOUNS] {
        let word = one(&mut lcg, list);
        if label.len() + word.len() > 24 {
            break;
        }
        label += word;
    }
    format!("{label}.com")
}

pub(super) fn nymaim(n: u32) -> String {
    let mut lcg = Lcg::new(0x41a1 + n * 49_979);
    let between = ["", "-"][usize::try_from(lcg.below(2)).unwrap()];
    let (first, second) = (one(&mut lcg, ADJECTIVES), one(&mut lcg, NOUNS));
    let suffixes = ["com", "net", "ru", "in", "pw", "biz", "eu", "me"];
    format!("{first}{between}{second}.{}", lcg.among(&suffixes))
}

pub(super) fn suppobox(n: u32) -> String {
    let mut lcg = Lcg::new(0x5b0c + n * 67_867);
    let (first, second) = (one(&mut lcg, NOUNS), one(&mut lcg, VERBS));
    format!("{first}{second}.net")
}
