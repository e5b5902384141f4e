// One plan at a time: an answer that comes late would tell of what was set before.
async (...sent) => {
    window.nstAsked = (window.nstAsked ?? 0) + 1;
    sent[0] = window.nstAsked;
    const before = window.nstAnswered;
    window.nstAnswered = new Promise(answered => {
        (window.nstWaiting ??= []).push(answered);
        setTimeout(answered, 10000); // should the answer never come
    });
    await before;
    return sent;
}
