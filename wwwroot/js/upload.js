// Sends chosen files straight to the API, with progress: through the circuit of the page hundreds of megabytes would crawl.

const REPORT_MILLISECONDS = 200;
const MOST_CHARACTERS = 8000; // of an answer: it travels over the circuit, which takes messages of 32 kB

// One message per field, and one for the whole, out of problem details.
function read(status, statusText, text) {
  let body = null;
  try { body = JSON.parse(text); } catch { /* A proxy or a crash answers in HTML: the status must do. */ }
  const errors = {};
  for (const [field, messages] of Object.entries(body?.errors ?? {})) errors[field] = [messages].flat().join(" ").slice(0, MOST_CHARACTERS);
  const message = body?.detail ?? body?.title ?? `The server answered ${status} ${statusText}.`;
  return { status, id: body?.id ?? null, message: String(message).slice(0, MOST_CHARACTERS), errors };
}

function formOf(fields) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  return form;
}

// Connects a file input and the area around it with the component `page`: it hears what is chosen and how far the sending is.
export function connect(input, area, page) {
  let request = null;
  const choose = () => page.invokeMethodAsync("ChooseAsync", Array.from(input.files, file => ({ name: file.name, size: file.size })));
  const chosen = name => Array.from(input.files).find(file => file.name === name);
  const over = e => { e.preventDefault(); area.classList.toggle("over", e.type === "dragover"); };
  const drop = e => {
    over(e);
    if (input.disabled || !e.dataTransfer.files.length) return;
    if (!input.multiple && e.dataTransfer.files.length > 1) {
      const first = new DataTransfer();
      first.items.add(e.dataTransfer.files[0]);
      input.files = first.files;
    } else input.files = e.dataTransfer.files;
    choose();
  };
  input.addEventListener("change", choose);
  area.addEventListener("dragover", over);
  area.addEventListener("dragleave", over);
  area.addEventListener("drop", drop);
  if (input.files.length) choose();

  return {
    // Fields go first: the server can refuse them before the files have come. `names` says which of the files are sent, `beside` is another
    // place like this one, whose files go along.
    send(url, fields, fileField, names, beside, besideField) {
      const form = formOf(fields);
      for (const file of input.files) if (names.includes(file.name)) form.append(fileField, file, file.name);
      for (const file of beside?.files() ?? []) form.append(besideField, file, file.name);
      return new Promise(resolve => {
        let reported = 0, sent = 0, total = 0;
        request = new XMLHttpRequest();
        const end = answer => { request = null; resolve(answer); };
        request.upload.addEventListener("progress", e => {
          ({ loaded: sent, total } = e);
          const now = performance.now();
          if (sent < total && now - reported < REPORT_MILLISECONDS) return;
          reported = now;
          page.invokeMethodAsync("ReportAsync", sent, total);
        });
        request.addEventListener("load", () => end(read(request.status, request.statusText, request.responseText)));
        request.addEventListener("abort", () => end({ status: 0, id: null, message: "", errors: {} }));
        request.addEventListener("error", () => end({
          status: -1, id: null, errors: {},
          message: `The connection broke off after ${sent} of ${total} bytes. Nothing was kept; check that the server runs and that each file still exists unchanged, then send again.`,
        }));
        request.open("POST", url);
        request.setRequestHeader("Accept", "application/json, application/problem+json");
        request.send(form);
      });
    },
    // The beginning of one file, and what the server says of it.
    async ask(url, fields, fileField, name, bytes) {
      const form = formOf(fields);
      try {
        form.append(fileField, chosen(name).slice(0, bytes), name);
        const answer = await fetch(url, { method: "POST", body: form, headers: { Accept: "application/json, application/problem+json" } });
        const text = await answer.text();
        return { ...read(answer.status, answer.statusText, text), body: answer.ok ? JSON.stringify(JSON.parse(text)) : null }; // Without escapes, which would make the message longer than the circuit takes.
      } catch (e) {
        return { status: -1, id: null, message: `“${name}” could not be looked into: ${e.message}`, errors: {} };
      }
    },
    files() { return Array.from(input.files); },
    read(name, from, to) { return chosen(name).slice(from, to); },
    cancel() { request?.abort(); },
    dispose() {
      request?.abort();
      input.removeEventListener("change", choose);
      area.removeEventListener("dragover", over);
      area.removeEventListener("dragleave", over);
      area.removeEventListener("drop", drop);
    },
  };
}
