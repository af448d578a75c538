// What the commands say of a nara while it runs.

/** Says when the plaza is reached, when it is not, and when another lives as this nara. */
export function tellOf(nara) {
  let said = null;
  let wasElsewhere = false;
  // A broker's own words are in it, which must stay one line and move no cursor.
  const say = (words) => process.stdout.write(`${words.replace(/\p{Cc}/gu, " ")}\n`);
  const tell = () => {
    const { connection, elsewhere, name } = nara.status();
    const { state, why, url } = connection;
    const words = state === "online" ? `${url} is reached` : state === "waiting" ? `${url} is not reached (${why}); trying again` : said;
    if (words !== said) say((said = words));
    if (elsewhere && !wasElsewhere) say(`another process or device lives as ${name}, with the same soul; stop one of the two`);
    wasElsewhere = elsewhere;
  };
  nara.addEventListener("status", tell);
  tell();
}
