// Sends one request for an estimate at a time: a late answer would be about earlier settings.
async (...values) => {
    const nst = (window.nst ??= {});
    nst.requests = (nst.requests ?? 0) + 1;
    values[0] = nst.requests;
    const previous = nst.answered;
    nst.answered = new Promise(done => {
        (nst.waiting ??= []).push(done);
        setTimeout(done, 10000); // should the answer never come
    });
    await previous;
    return values;
}
