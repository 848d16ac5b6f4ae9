(() => {
  const look = document.getElementById("first-look");
  const streamlit = document.getElementById("streamlit");
  let isBegun = false;
  const begin = () => {
    if (isBegun || !streamlit) return;
    isBegun = true;
    const script = document.createElement("script");
    Object.assign(script, { type: "module", crossOrigin: "anonymous", src: streamlit.href });
    document.head.append(script);
  };
  if (!look) return begin();
  // Streamlit's script runs for half a second, in which nothing is painted: the look is painted before it.
  requestAnimationFrame(() => setTimeout(begin));
  setTimeout(begin, 250); // a page that nobody sees is not painted
  const same = "#root :is(.pay-table, .pay-big, [data-testid=stAlert])";
  const over = "#root [data-test-script-state=notRunning] .pay-header, [role=dialog]";
  new MutationObserver((_, observer) => {
    if (!document.querySelector(`${same}, ${over}`)) return;
    observer.disconnect();
    look.remove();
  }).observe(document.body, { attributes: true, childList: true, subtree: true });
  // The next look is in the reader's own zone, and this one in the theme that was chosen on this page; last,
  // since a browser that keeps nothing for anybody refuses both.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  document.cookie = `payments_zone=${zone}; path=/; samesite=strict; max-age=31536000`;
  const theme = localStorage.getItem(`stActiveTheme-${location.pathname}-v2`);
  if (theme === '"Dark"' || theme === '"Light"') look.style.colorScheme = theme.slice(1, -1).toLowerCase();
})();
