//! English words that are often written with a capital and are no names.

use std::collections::HashSet;
use std::sync::LazyLock;

/// Whether a word is common, in any letter case.
pub(super) fn is_common(word: &str) -> bool {
    static WORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| COMMON.split_whitespace().collect());
    WORDS.contains(word.to_lowercase().as_str())
}

/// Whether a common word is also a given name, and so may begin a name at the start of a sentence.
pub(super) fn is_given_name(word: &str) -> bool {
    GIVEN_NAMES.split_whitespace().any(|name| name.eq_ignore_ascii_case(word))
}

/// Words of sentences, questions, headings, reports and tables. No given names.
const COMMON: &str = "
a about above according account accounting accounts acid action activities activity acute additional address adjusted
administration admission adult advanced affairs after again against age agreement all allergies allergy also although always
am american amount an analysis and annual answer any appendix appointment approach april are area areas article as
asian assessment asset assets assistant associate associated at attending attorney audit august author available average
back background balance based basic be because been before began being below benefit benefits best between big blood board
body book both brain breast brief british budget building business but by calculate calculated call can cancer canadian
capital cardiac care case cases cash cause cell cells center central centre certain change changes chapter charge charges
check chest chief child children chinese chronic city civil class clear clinic clinical clinician code college come comments
commission committee common community company compare comparison compensation complaint complete compute conclusion
condition conditions conference consent consider consolidated consultation contact contents continue continued contract
control conversion corporate corporation cost costs could council count country county court cost create credit current
currently customer daily data date day days debt december decision declare deferred defined deliver department deposit
depreciation describe description despite detail details determine development device diabetes diagnosis diagnostic did diet
director discharge discuss discussion disease display district division do document does doctor dose draft drug due during
duration each earlier early earnings east eastern echo economic education effect effective effects either electronic else
email emergency employee employees employer end energy engineering english enter environment equipment equity
estimate estimated european evaluate evaluation even every evidence exam examination example except exchange executive
exhibit expense expenses experience experimental explain explanation extract factors failure fair false family far fax
february federal fee female few field figure file final finally finance financial find finding findings first fiscal
five follow followed following follows for form format former four free french friday from full function fund funds
further future gain gains general generally german get give given global go goal goals good government gross group
growth guide had half has have having he head health healthcare heart height hence her here high higher him his history
home hospital hospitals hour hours house household how however human i identify if image imaging impact important impression
improvement in incident include included includes including income increase index indian individual industry infection
information initial injury input inquiry insurance interest interim internal international interval into introduction
inventory invest investment is issue issued it item items its january japanese job july june just key kidney kindly
known laboratory labs lab large last late later law lease left legal lens less let letter level levels liabilities
liability license life limited line list liver loan local location long loss losses low lower lung made main major make
male management manager many march margin market marketing material materials may mean means measure median medical
medication medications medicine meeting member members memo memorandum mental merger message method methods middle might
military minimum ministry minute miss model modern monday monitoring month monthly months more morning mortgage most mr mrs ms
much must my name names nation national natural near need needs net never new next night nine no none nor normal north
northern not note notes nothing notice november now number numbers nurse nursing objective objectives observation october
of off office officer official often old on once one only open operating operation operations opinion option or order
orders organization original other others our out outcome outcomes output outpatient over overall overview own owner
page pages pain paper part parties partner partners party past patient patients pay payable payment payments people per
percent percentage performance period person personal phase phone physical physician plan plans please point policy
position possible post potential power practice present president pressure prevention previous previously price primary
principal prior private procedure procedures process product production products professional professor profit program
programs progress project projects property proposal proposed provide provided provider public published purchase purpose
quality quarter quarterly question questions quick radiology range rate rates ratio read reading real reason
recent recommendation recommendations recommended record records reduced reference references referral regarding region
regional registered regular regulation related relation release report reported reporting reports request required
requirements research reserve residence residual respiratory response result results retrieve return returns revenue
revenues review right risk risks road room routine rule rules russian safety said sales same sample saturday say says
schedule school science sciences scientific score screening search second secondary secretary section sections securities
security see seen select senior september series serum service services session set seven several severe share
shareholders shares she short should show shows side sign signature signed signs simple since single site six size skin small so social
society software some soon source south southern spanish special specific staff stage standard start state stated
statement statements states statistics status step still stock strategic strategy street strong student studies study
subject subsequent such sum summarize summarise summary sunday supply support surgery surgical survey symptoms system
systems table take target task tax taxes team technical technology tel tell ten term terms test testing tests text than
thank thanks that the their them then there therefore these they third this those though three through thursday thus time
times title to today together too top topic total toward trade training transaction transfer treatment trial true trust
tuesday two type types under union unit united units university unknown unless until up update upper us use used user
using usually valuation value values various verify version very via visit vital vitals volume was water we wednesday week
weekly weeks weight well went were west western what whatever when where whether which while white who whole whom whose
why wide with within without word work worker workers working world would write written year years yes yesterday yet you
young your zero zone
";

/// Common words that are given names too.
const GIVEN_NAMES: &str = "
amber angel april art august autumn bill carol chase chip christian cliff crystal dale dawn dean drew duke earl ernest eve
faith frank gene ginger glen grace grant guy harry hazel heather holly hope iris ivy jack jade jay joy june lance lily
mark matt max may melody miles nick norm olive pat pearl penny pierce ray reed rich robin rose ruby rusty sandy skip
sterling sue summer victor violet wade will young
";
