// Hands the painting to another program of the visitor's; where that is refused, its link is copied.
async () => {
    const image = document.querySelector("#canvas img");
    if (!image) return;
    const picture = await (await fetch(image.src)).blob();
    const end = picture.type.split("/")[1];
    const file = new File([picture], `painting.${end}`, {type: picture.type});
    try {
        await navigator.share({files: [file], title: document.title});
    } catch (error) {
        if (error.name !== "AbortError") document.querySelector("#copy").click();
    }
}
