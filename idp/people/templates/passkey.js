(() => {
  "use strict";
  if (!window.PublicKeyCredential) return;
  const bytes = (t) => Uint8Array.from(atob(t.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (b) => btoa(String.fromCharCode(...new Uint8Array(b))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const ids = (list) => (list || []).map((c) => ({ ...c, id: bytes(c.id) }));
  const create = async (o) => {
    const c = await navigator.credentials.create({ publicKey: {
      ...o, challenge: bytes(o.challenge), user: { ...o.user, id: bytes(o.user.id) }, excludeCredentials: ids(o.excludeCredentials) } });
    return { c, response: { attestationObject: text(c.response.attestationObject) } };
  };
  const get = async (o) => {
    const c = await navigator.credentials.get({ publicKey: { ...o, challenge: bytes(o.challenge), allowCredentials: ids(o.allowCredentials) } });
    const r = c.response;
    const response = { authenticatorData: text(r.authenticatorData), signature: text(r.signature) };
    if (r.userHandle && r.userHandle.byteLength) response.userHandle = text(r.userHandle);
    return { c, response };
  };
  for (const form of document.querySelectorAll("form[data-options]")) {
    const says = form.querySelector("[role=alert]");
    form.hidden = false;
    form.addEventListener("submit", async (e) => {
      e.preventDefault();
      says.hidden = true;
      try {
        const o = JSON.parse(form.dataset.options);
        const { c, response } = await (o.user ? create(o) : get(o));
        response.clientDataJSON = text(c.response.clientDataJSON);
        form.elements.answer.value = JSON.stringify({ id: c.id, rawId: text(c.rawId), type: c.type, response, clientExtensionResults: {} });
        form.submit();
      } catch (err) {
        says.textContent = err.name === "InvalidStateError" ? says.dataset.again : says.dataset.failed;
        says.hidden = false;
      }
    });
  }
})();
