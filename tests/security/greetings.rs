//! Attacks on who is there: hey_there, chau, howdy, newspaper, wills.

use super::peer::{Peer, direct};
use super::target::{DAY, Frame, HOUR, SECOND, Target, of_kind};
use core::time::Duration;
use light_nara::nara::Config;
use light_nara::runtime::Nothing;
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn an_unsigned_hey_there_changes_nobodys_key_id_or_address() {
    let mut target = Target::new();
    let [victim] = target.meet(["victim"]);
    let honest = victim.hey_there(target.wall());
    let text = String::from_utf8(honest.payload.clone()).unwrap();
    let signature = text.split("\"sig\":\"").nth(1).unwrap()[..88].to_owned();
    target.drops(
        &honest.with(&format!("\"sig\":\"{signature}\","), ""),
        "malformed",
    );
    target.drops(&honest.with(&signature, ""), "malformed");
    target.drops(&honest.with(&signature, &"A".repeat(86)), "malformed");
    let zeros = format!("{}==", "A".repeat(86));
    target.drops(&honest.with(&signature, &zeros), "bad_signature");
}

#[test]
fn a_re_keyed_hey_there_is_no_word_of_the_one_it_names() {
    let mut target = Target::new();
    let [victim, attacker] = target.meet(["victim", "attacker"]);
    let honest = victim.hey_there(target.wall());
    let (own, other) = (victim.who.key.to_text(), attacker.who.key.to_text());
    target.drops(&honest.with(&own, &other), "bad_signature");
    let name = "\"From\":\"victim\"";
    target.drops(&honest.with(name, "\"From\":\"viktim\""), "malformed");
    let address = "\"MeshIP\":\"\"";
    let elsewhere = "\"MeshIP\":\"10.0.0.1:80\"";
    target.drops(&honest.with(address, elsewhere), "bad_signature");
}

#[test]
fn an_id_under_a_second_key_is_another_identity_and_a_conflict_that_is_shown() {
    let mut target = Target::new();
    // The victim's id is announced before the victim wakes.
    let victim = Peer::new("victim");
    let liar = Peer::posing_as("attacker", &victim.who.id, "victim");
    let claim = liar.hey_there(target.wall());
    target.hear(&claim);
    let stored = liar.store(&target, "a trap");
    target.hear(&direct(&stored));
    let hello = victim.hey_there(target.wall());
    target.hear(&hello);
    let stored = victim.store(&target, "mine");
    let sent = target.hear(&direct(&stored));
    assert!(
        of_kind(&sent, "stash:ack")[0]
            .payload
            .contains("\"success\":true")
    );
    assert!(target.sees(&victim) && target.sees(&liar));
    assert!(target.holds_for(&victim) && target.holds_for(&liar));
    let conflicts = target.nara.status(target.now()).conflicts;
    assert_eq!(conflicts.len(), 1);
    assert_eq!(conflicts[0].id, victim.id());
    // Each is given its own and nothing of the other's.
    target.advance(60 * SECOND);
    for (one, memory) in [(&victim, "mine"), (&liar, "a trap")] {
        let hello = one.hey_there(target.wall());
        target.hear(&hello);
        let sent = target.advance(SECOND);
        let pushed = of_kind(&sent, "stash:response");
        assert_eq!(pushed.len(), 1);
        let pushed = super::target::response(&pushed[0]);
        let nonce = pushed.nonce.as_slice().try_into().unwrap();
        let opened = one.keys.open(nonce, pushed.ciphertext.as_slice()).unwrap();
        assert_eq!(opened, memory.as_bytes());
        target.advance(60 * SECOND);
    }
}

#[test]
fn a_newspaper_with_a_wrong_signature_or_topic_is_not_read() {
    let mut target = Target::new();
    let [victim, attacker] = target.meet(["victim", "attacker"]);
    let honest = victim.newspaper();
    target.drops(
        &honest.with("\"memory_mode\":\"hog\"", "\"memory_mode\":\"low\""),
        "bad_signature",
    );
    target.drops(&honest.on("nara/newspaper/attacker"), "wrong_topic");
    target.drops(&honest.on("nara/newspaper/"), "wrong_topic");
    let (own, other) = (victim.who.key.to_text(), attacker.who.key.to_text());
    target.drops(&honest.with(&own, &other), "bad_signature");
    let liar = Peer::posing_as("attacker", &victim.who.id, "victim");
    target.drops(&liar.newspaper(), "stranger");
    let text = String::from_utf8(honest.payload.clone()).unwrap();
    let signature = text.split("\"Signature\":\"").nth(1).unwrap()[..88].to_owned();
    target.drops(&honest.with(&signature, ""), "malformed");
}

#[test]
fn strangers_newspapers_are_answered_by_one_greeting_a_minute_after_their_signatures_were_checked()
{
    // What is sent in the end is counted here.
    let mut target = Target::new().alone();
    target.advance(10 * SECOND);
    let frames = (0..20).map(|n| Peer::new(&format!("stranger-{n}")).newspaper());
    for frame in frames {
        target.drops(&frame, "stranger");
    }
    let sent = target.advance(59 * SECOND);
    let topics: Vec<&str> = sent.iter().map(|one| one.topic.as_str()).collect();
    assert_eq!(topics, ["nara/plaza/hey_there"]);
    // Without a good signature, none at all.
    let mut target = Target::new();
    target.advance(10 * SECOND);
    let forged = Peer::new("stranger").newspaper().with("\"hog\"", "\"low\"");
    target.drops(&forged, "bad_signature");
    let sent = target.advance(59 * SECOND);
    assert!(sent.is_empty());
}

#[test]
fn a_chau_that_is_forged_unsigned_old_or_played_again_sends_nobody_away() {
    let mut target = Target::new();
    let [victim] = target.meet(["victim"]);
    let liar = Peer::posing_as("attacker", &victim.who.id, "victim");
    target.drops(&liar.chau(target.wall()), "unknown_peer");
    let chau = victim.chau(target.wall());
    let forged = chau.with(&victim.who.key.to_text(), &liar.who.key.to_text());
    target.drops(&forged, "bad_signature");
    let text = String::from_utf8(chau.payload.clone()).unwrap();
    let signature = text.split("\"sig\":\"").nth(1).unwrap()[..88].to_owned();
    target.drops(&chau.with(&signature, ""), "malformed");
    let early = light_nara::base::WallTime::from_unix_nanos(1);
    target.drops(&victim.chau(early), "old_event");
    target.drops(&victim.chau(target.ahead(HOUR)), "from_the_future");
    // It goes, and comes back; then its own chau is played again.
    target.hear(&chau);
    assert!(!target.sees(&victim));
    target.advance(SECOND);
    let back = victim.hey_there(target.wall());
    target.hear(&back);
    assert!(target.sees(&victim));
    target.drops(&chau, "old_event");
    assert!(target.sees(&victim));
}

#[test]
fn what_was_said_before_a_chau_brings_nobody_back() {
    let mut target = Target::new();
    let [victim] = target.meet(["victim"]);
    let (hello, howdy) = (victim.hey_there(target.wall()), victim.howdy("target"));
    target.advance(SECOND);
    let chau = victim.chau(target.wall());
    target.hear(&chau);
    target.drops(&hello, "old_event");
    target.drops(&howdy, "has_left");
    target.drops(&victim.newspaper(), "has_left");
    assert!(!target.sees(&victim));
}

#[test]
fn the_neighbours_in_a_howdy_are_not_believed_and_the_rest_of_it_is_checked() {
    let mut target = Target::new();
    let [victim] = target.meet(["victim"]);
    let honest = victim.howdy("target");
    let made_up = Peer::new("made-up");
    let neighbours = format!(
        "\"Neighbors\":[{{\"Name\":\"made-up\",\"PublicKey\":\"{}\",\"MeshIP\":\"10.0.0.1\",\"ID\":\"{}\",\"Observation\":{{}}}}]",
        made_up.who.key.to_text(),
        made_up.id()
    );
    // The rest of it is true, so it is no drop; but nobody is met through it,
    // greeted, asked or told of, then or later.
    let state = target.state();
    target.suffers(&honest.with("\"Neighbors\":[]", &neighbours));
    assert_eq!(target.state(), state, "hearsay was believed");
    assert!(!target.sees(&made_up));
    target.drops(&honest.with("\"Seq\":1", "\"Seq\":2"), "bad_signature");
    let (own, other) = (victim.who.key.to_text(), made_up.who.key.to_text());
    target.drops(&honest.with(&own, &other), "bad_signature");
    let text = String::from_utf8(honest.payload.clone()).unwrap();
    let signature = text.split("\"Signature\":\"").nth(1).unwrap()[..88].to_owned();
    target.drops(&honest.with(&signature, ""), "malformed");
}

#[test]
fn howdys_of_strangers_do_not_keep_the_honest_ones_silent() {
    let mut target = Target::new();
    let newcomer = Peer::new("newcomer");
    let hello = newcomer.hey_there(target.wall());
    target.hear(&hello);
    for n in 0..10 {
        target.hear(&Peer::new(&format!("stranger-{n}")).howdy("newcomer"));
    }
    let sent = target.advance(4 * SECOND);
    assert!(sent.iter().any(|one| one.topic == "nara/plaza/howdy"));
}

#[test]
fn ones_own_words_of_a_life_before_are_no_other_device() {
    let mut before = Target::new();
    let soul = before.soul();
    let sent = before.advance(300 * SECOND);
    let own = sent.iter().rfind(|one| one.topic.ends_with("hey_there"));
    let (own, at) = (own.unwrap().clone(), before.now().mono.as_micros());
    let woken = Duration::from_micros(at) + SECOND;
    let config = Config::reborn(&soul, Some("target")).unwrap();
    let mut target = Target::later(config, woken);
    target.drops(&own, "from_myself");
    assert!(!target.nara.status(target.now()).elsewhere);
}

#[test]
fn a_will_that_is_unsigned_forged_or_played_again_makes_nobody_gone() {
    let mut target = Target::new();
    let [victim, attacker] = target.meet(["victim", "attacker"]);
    let on_gone =
        |message: &light_nara::message::Message| Frame::new("nara/plaza/gone", message.to_json());
    let will = victim.draft(target.now(), "", "presence:lost", &Nothing {});
    target.drops(&on_gone(&will), "bad_signature");
    let mut forged = attacker.sign(will.clone());
    forged.key = Some(victim.who.key);
    target.drops(&on_gone(&forged), "bad_signature");
    target.drops(&on_gone(&attacker.sign(will.clone())), "not_online");
    let stranger = Peer::new("stranger");
    let unheard_of = stranger.draft(target.now(), "", "presence:lost", &Nothing {});
    target.drops(&on_gone(&stranger.sign(unheard_of)), "not_online");
    let real = on_gone(&victim.sign(will));
    let asked = target.hear_all([real.clone()]);
    assert!(asked.is_empty(), "whoever is meant may speak up first");
    target.drops(&real, "duplicate_id");
    let other = victim.draft(target.now(), "", "presence:lost", &Nothing {});
    target.drops(&on_gone(&victim.sign(other)), "checked_already");
    let sent = target.advance(2 * SECOND);
    let ping = of_kind(&sent, "presence:ping");
    assert_eq!(ping.len(), 1, "it is asked once");
    let mut pong = victim.draft(target.now(), target.id(), "presence:pong", &Nothing {});
    pong.payload.clone_from(&ping[0].payload);
    pong.in_reply_to.clone_from(&ping[0].id);
    pong.id = pong.computed_id();
    target.hear(&direct(&victim.sign(pong)));
    target.advance(10 * SECOND);
    assert!(target.sees(&victim));
}

#[test]
fn a_greeting_of_another_time_is_played_in_vain() {
    let mut target = Target::new();
    let stranger = Peer::new("stranger");
    let hello = stranger.hey_there(target.wall());
    let later = Config::reborn(&target.soul(), Some("target")).unwrap();
    let mut later = Target::later(later, 30 * DAY);
    later.drops(&hello, "too_old");
    target.drops(&stranger.hey_there(target.ahead(HOUR)), "from_the_future");
    assert!(!later.sees(&stranger) && !target.sees(&stranger));
}
