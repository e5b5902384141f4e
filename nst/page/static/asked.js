// Plans may be answered in another order than they were asked for: each carries its number.
(...sent) => {
    window.nstAsked = (window.nstAsked ?? 0) + 1;
    sent[0] = window.nstAsked;
    return sent;
}
