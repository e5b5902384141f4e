// On a phone, what is painted comes into view.
() => {
    if (window.innerWidth <= 680)
        document.querySelector("#shown").scrollIntoView({block: "start"});
}
