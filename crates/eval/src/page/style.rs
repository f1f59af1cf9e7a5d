//! How a page looks: the rules beside those of the drawings.

/// Rules on the variables of the drawings' style sheet.
pub(super) const STYLE: &str = "\
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,\
'Helvetica Neue','Noto Sans','Liberation Sans',Arial,sans-serif;overflow-wrap:break-word}
main,header,nav,footer{max-width:1240px;margin:0 auto;padding:0 16px}
header{padding-top:28px}
h1{font-size:1.7rem;line-height:1.2;margin:0 0 8px}
h2{font-size:1.3rem;line-height:1.3;margin:30px 0 6px;padding-top:10px;border-top:1px solid var(--axis)}
p{margin:8px 0;max-width:75ch}
.lead,figcaption,.missing,.file{color:var(--muted)}
.file{font-size:.88rem}
.answer{font-size:1.16rem;font-weight:600;max-width:70ch;text-wrap:balance}
.facts{display:flex;flex-wrap:wrap;gap:8px 28px;margin:14px 0}
.facts dt{font-size:.8rem;color:var(--muted)}
.facts dd{margin:0;font-size:1.05rem;font-variant-numeric:tabular-nums}
nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:4px 16px;margin:12px 0;padding:0;font-size:.92rem}
a{color:var(--s0)}
a:focus-visible,summary:focus-visible,.scroll:focus-visible{outline:2px solid var(--s0);outline-offset:2px}
figure{margin:16px 0}
figcaption{font-size:.88rem;line-height:1.45;max-width:85ch;margin:6px 0}
.panels{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,350px),1fr));gap:12px}
.panels svg,.wide svg{display:block;width:100%;height:auto}
.panels svg{max-width:440px}
@media (min-width:800px){.pair{grid-template-columns:repeat(2,minmax(0,400px))}}
.wide{display:none}
.wide svg{max-width:1000px}
@media (min-width:900px){.wide{display:block}.wide+.panels{display:none}}
.scroll{overflow-x:auto;background:linear-gradient(90deg,var(--bg) 50%,transparent) 0/48px 100% no-repeat local,\
linear-gradient(270deg,var(--bg) 50%,transparent) 100%/48px 100% no-repeat local,\
radial-gradient(farthest-side at 0 50%,var(--shade),transparent) 0/16px 100% no-repeat scroll,\
radial-gradient(farthest-side at 100% 50%,var(--shade),transparent) 100%/16px 100% no-repeat scroll}
table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}
th,td{padding:5px 14px 5px 0;border-bottom:1px solid var(--grid);text-align:left;vertical-align:bottom;white-space:nowrap}
th{border-bottom-color:var(--axis);font-weight:600;white-space:normal;min-width:3.2em}
th:first-child,td:first-child{position:sticky;left:0;background:var(--bg)}
@media (max-width:600px){table{font-size:.82rem}th:first-child,td:first-child{min-width:6.5em;max-width:42vw;white-space:normal}}
td.r,th.r{text-align:right}
td.c,th.c{text-align:center}
details{border:1px solid var(--axis);border-radius:6px;margin:12px 0;padding:0 12px}
.folds{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,350px),1fr));gap:10px 12px;margin:12px 0}
.folds>details{margin:0;min-width:0}
.folds>details[open]{grid-column:1/-1}
summary{cursor:pointer;font-weight:600;padding:9px 0}
.missing{border-left:3px solid var(--quiet);padding-left:10px}
footer{padding-top:32px;padding-bottom:32px;font-size:.85rem;color:var(--muted)}
@media print{details{border:0}nav{display:none}.panels{grid-template-columns:repeat(2,1fr)}}
";
