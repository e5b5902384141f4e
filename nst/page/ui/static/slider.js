// A listener of the whole part: what is in it is written anew once it is known how long it took.
element.addEventListener("input", ({target}) =>
    target.parentNode.style.setProperty("--cut", target.value + "%"));
