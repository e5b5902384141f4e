// Plans may be answered in another order than they were asked for: each carries its time.
(...sent) => {
    sent[0] = performance.now();
    return sent;
}
