// On a phone, scrolls to the canvas.
() => {
    if (window.innerWidth <= 680)
        document.querySelector("#shown").scrollIntoView({block: "start"});
}
