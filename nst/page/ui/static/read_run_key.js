// The key of the run that the tab was cut off from.
(...values) => [sessionStorage.getItem("nst-run"), ...values.slice(1)]
