//! What fuzzing begins with and what it found, by target, as bytes: wherever no
//! folder can be read there is this. `tests/rust/fuzz_seeds.rs` compares it with
//! the folders.

/// A target's name and its seeds, each with the name of its file.
pub(crate) type Seeds = (&'static str, &'static [(&'static str, &'static [u8])]);

macro_rules! seeds {
    ($($target:literal: $($name:literal)+;)+) => {
        &[$(($target, &[$((
            $name,
            include_bytes!(concat!("../../fuzz/seeds/", $target, "/", $name)),
        )),+])),+]
    };
}

pub(crate) const SEEDS: &[Seeds] = seeds! {
    "mesh":
    "attach" "requests";
    "message":
    "chau" "hey_there" "howdy" "newspaper" "presence_gone" "presence_gone_payload" "presence_lost"
    "presence_lost_payload" "stash-refresh" "stash-refresh_payload" "stash_ack"
    "stash_ack_payload" "stash_delete" "stash_delete_payload" "stash_grant" "stash_grant_payload"
    "stash_handoff" "stash_handoff_payload" "stash_receipt" "stash_receipt_payload"
    "stash_request" "stash_request_payload" "stash_response" "stash_response_payload"
    "stash_store" "stash_store_payload";
    "mqtt":
    "handshake" "long" "publish" "receipt";
    "sealed":
    "gzip" "padded" "probe" "raw";
    "sequence":
    "calls-a_message_played_again_after_thirty_days"
    "calls-a_request_whose_answer_was_lost_gets_it_"
    "calls-an_ack_for_another_owner_is_no_copy_of_m"
    "calls-an_ack_withheld_and_delivered_for_a_late"
    "calls-an_answer_from_somebody_else_leaves_the_"
    "calls-an_answer_of_another_kind_or_for_nobody_"
    "calls-an_answer_whose_signature_does_not_fit_l"
    "calls-an_old_answer_with_a_swapped_in_reply_to" "calls-nobody_is_given_what_another_stored"
    "frames-a_ciphertext_beyond_the_limit_is_refused"
    "frames-a_field_twice_or_in_another_case_is_refu" "frames-a_key_of_small_order_is_nobody"
    "frames-every_byte_that_is_signed_counts" "frames-ids_that_no_nara_can_have_name_nobody"
    "frames-one_sender_is_heard_thirty_times_in_ten_"
    "frames-unknown_kinds_and_versions_are_dropped_b" "frames-what_is_for_another_is_not_served"
    "frames-what_is_no_json_or_goes_too_deep_is_malf"
    "greetings-a_chau_that_is_forged_unsigned_old_or_pl"
    "greetings-a_greeting_of_another_time_is_played_in_"
    "greetings-a_newspaper_with_a_wrong_signature_or_to"
    "greetings-a_re_keyed_hey_there_is_no_word_of_the_o"
    "greetings-a_will_that_is_unsigned_forged_or_played"
    "greetings-an_unsigned_hey_there_changes_nobodys_ke"
    "greetings-ones_own_words_of_a_life_before_are_no_o"
    "greetings-strangers_newspapers_are_answered_by_one"
    "greetings-the_neighbours_in_a_howdy_are_not_believ"
    "greetings-what_was_said_before_a_chau_brings_nobod"
    "handoff-a_copy_that_is_not_the_granted_one_or_no"
    "handoff-a_flood_of_deletions_does_not_bury_the_t"
    "handoff-an_older_copy_replaces_no_newer_one"
    "handoff-invented_owners_get_no_more_places_by_ha"
    "handoff-leaves_receipts_and_challenges_of_outsid" "handoff-my_own_memory_is_not_handed_to_me"
    "recovery-a_stale_push_a_probe_and_what_does_not_o"
    "stores-a_delete_by_another_or_of_another_time_d" "stores-a_store_for_another_is_refused"
    "stores-a_store_of_an_older_time_is_refused_with"
    "stores-a_store_overheard_and_played_again_bring"
    "stores-forged_greetings_and_refreshes_bring_no_";
};
