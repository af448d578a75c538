//! A million calls: some answered, some twice, some by others, some never.

use super::report::Report;
use core::time::Duration;
use light_nara::base::{Identity, Rng};
use light_nara::message::{Message, Payload};
use light_nara::runtime::{
    Behaviour, CALLS_MAX, CallError, CallId, Context, Delivery, MockRuntime, Outcome, Service,
};
use serde::{Deserialize, Serialize};

const CALLS: usize = 1_000_000;

/// How long a call waits.
const DEADLINE: Duration = Duration::from_secs(2);

#[derive(Clone, Serialize, Deserialize)]
struct Word {
    text: String,
}

impl Payload for Word {
    const FIELDS: &'static [&'static str] = &["text"];
}

/// Asks, and writes down how often each call ended.
#[derive(Default)]
struct Asker {
    ends: Vec<u8>,
    answered: usize,
    open: usize,
}

impl Asker {
    fn on_late(&mut self, _: &mut Context<'_>, _: &Delivery, _: Word) -> Outcome {
        Outcome::Drop("late")
    }

    fn ask(
        &mut self,
        ctx: &mut Context<'_>,
        whom: &Identity,
        n: usize,
    ) -> Result<CallId, CallError> {
        let text = n.to_string();
        let call = ctx.call(whom, "load:ask", &Word { text }, "load:tell", DEADLINE)?;
        let place = call.number() as usize;
        self.ends.resize(self.ends.len().max(place + 1), 0);
        self.open += 1;
        Ok(call)
    }
}

impl Service for Asker {
    fn name(&self) -> &'static str {
        "asker"
    }

    fn behaviours(&self) -> Vec<Behaviour> {
        vec![
            Behaviour::mesh_request("load:ask").version(1, Self::on_late),
            Behaviour::mesh_request("load:tell").version(1, Self::on_late),
        ]
    }

    fn handle_reply(
        &mut self,
        _: &mut Context<'_>,
        call: CallId,
        result: Result<&Delivery, CallError>,
    ) {
        let end = &mut self.ends[call.number() as usize];
        *end = end.saturating_add(1);
        self.answered += usize::from(result.is_ok());
        self.open -= 1;
    }
}

pub(crate) fn run(report: &mut Report) {
    let mut rt = MockRuntime::new("asker").with(Asker::default()).started();
    let mut rng = Rng::from_seed([5; 32]);
    let peers: Vec<Identity> = (0..100)
        .map(|n| MockRuntime::identity(&format!("peer-{n}")))
        .collect();
    let told = Word {
        text: "told".to_owned(),
    };
    let (mut made, mut refused, mut most_open) = (0_usize, 0_usize, 0_usize);
    let mut later: Vec<(Message, Identity)> = Vec::new();
    while made < CALLS {
        let whom = &peers[rng.below(100) as usize];
        let asked = rt.command(|asker: &mut Asker, ctx| (asker.ask(ctx, whom, made), asker.open));
        most_open = most_open.max(asked.1);
        let request = rt.emitted().pop();
        match (asked.0, request) {
            (Ok(_), Some(request)) => {
                made += 1;
                match rng.below(10) {
                    0..5 => rt.answer(&request, whom, "load:tell", &told),
                    5 => (0..2).for_each(|_| rt.answer(&request, whom, "load:tell", &told)),
                    6 => rt.answer(
                        &request,
                        &peers[rng.below(100) as usize],
                        "load:tell",
                        &told,
                    ),
                    7 => later.push((request, *whom)),
                    _ => {}
                }
            }
            (Err(CallError::TooMany), _) => {
                refused += 1;
                rt.advance(Duration::from_millis(50));
            }
            (other, _) => report.at_most(&format!("{other:?}"), 1.0, 0.0, ""),
        }
        rt.advance(Duration::from_micros(u64::from(rng.below(1_000))));
        if later.len() == 300 {
            for (request, whom) in later.drain(..) {
                rt.answer(&request, &whom, "load:tell", &told);
            }
        }
        rt.logs();
        rt.locals();
    }
    rt.advance(2 * DEADLINE);
    let (ends, answered) =
        rt.command(|asker: &mut Asker, _| (core::mem::take(&mut asker.ends), asker.answered));
    let calls = &ends[1..];
    report.note("calls made", made as f64, "");
    report.note("refused as too many", refused as f64, "");
    report.note("answered", answered as f64, "");
    report.at_most("pending at once", most_open as f64, CALLS_MAX as f64, "");
    report.at_most(
        "ended twice or more",
        calls.iter().filter(|ends| **ends > 1).count() as f64,
        0.0,
        "",
    );
    report.at_most(
        "never ended",
        calls.iter().filter(|ends| **ends == 0).count() as f64,
        0.0,
        "",
    );
}
