// What somebody may be shown who helps: how things stand, without anything that is secret.

/** JSON text of the status and the log. The memory is not in it; every secret given is cut out, wherever it stands. */
export function diagnostics({ status, log }, secrets, now) {
  const { url, ...connection } = status.connection;
  const facts = { at: new Date(now).toISOString(), status: { ...status, connection: { ...connection, url: bare(url) } }, log };
  let text = JSON.stringify(facts, null, 2);
  for (const secret of secrets) if (secret) text = text.replaceAll(JSON.stringify(secret).slice(1, -1), "(secret)");
  return text;
}

/** An address without what may be a password: its query and user. */
function bare(url) {
  try {
    const { protocol, host, pathname } = new URL(url);
    return `${protocol}//${host}${pathname}`;
  } catch {
    return "";
  }
}
