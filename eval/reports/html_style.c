/* What the page looks like: light and dark, wide and narrow, on paper.             SPDX-License-Identifier: Apache-2.0 */
#include "eval/reports/html.h"

const char *const carat_html_style[] = {
    ":root{--paper:#fff;--ink:#1b1f24;--soft:#59636e;--line:#d5dae0;--track:#eef1f4;--note:#fff4d6;--a:#"
    "1f5fa8;--b:#b4540a;--c:#6b4fa0;",
    "--d:#1d7a74;--e:#a13670;--f:#5f6b1e;--right:#2f7d4f;--wrong:#b5443b;--unparsed:#c08a00;--missing:#"
    "7b838d;--cut:#b3bac2}\n",
    "@media(prefers-color-scheme:dark){:root{--paper:#15181c;--ink:#e4e8ec;--soft:#9ca6b1;--line:#333a42;--"
    "track:#22272d;--note:#3a3112;",
    "--a:#6fb1f5;--b:#f0a35e;--c:#b79df0;--d:#5cc4bc;--e:#ec86bb;--f:#b9c76a;--right:#58b27f;--wrong:#e27b71;"
    "--unparsed:#d8b23e;",
    "--missing:#8d96a1;--cut:#596270}}\n", "*{box-sizing:border-box}\n",
    "html{color-scheme:light dark;-webkit-text-size-adjust:100%}\n",
    "body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,'Segoe "
    "UI',Roboto,'Noto Sans',sans-serif;",
    "font-variant-numeric:tabular-nums}\n", "main{max-width:62rem;margin:0 auto;padding:1.5rem 1rem 3rem}\n",
    "h1{font-size:1.5rem;line-height:1.25;margin:0 0 .75rem;overflow-wrap:anywhere}\n",
    "h2{font-size:1.15rem;margin:2.5rem 0 .5rem;padding-top:.75rem;border-top:1px solid "
    "var(--line);overflow-wrap:anywhere}\n",
    "h3{font-size:.95rem;margin:1.5rem 0 .35rem;font-weight:600}\n",
    "p{margin:.35rem "
    "0}header+.scroll{margin-top:1.25rem}header>.of{display:flex}.soft,caption,figcaption,footer{color:var(--"
    "soft);font-size:.87rem}\n",
    "a{color:var(--a)}nav a{display:inline-block;margin-right:.9rem}\n",
    ".caveat{background:var(--note);padding:.5rem .75rem;border-left:4px solid "
    "var(--unparsed);overflow-wrap:anywhere}\n",
    ".scroll{overflow-x:auto}\n", "table{border-collapse:collapse;width:100%}\n",
    "caption{text-align:left;padding-bottom:.25rem}\n",
    "th,td{text-align:left;vertical-align:baseline;padding:.22rem .75rem .22rem 0;border-bottom:1px solid "
    "var(--line)}\n",
    "th{font-weight:500}thead th{color:var(--soft);font-size:.82rem;font-weight:400}\n",
    "th:last-child,td:last-child{padding-right:0}\n",
    ".num{text-align:right;white-space:nowrap}.big{font-weight:650}\n", ".word{overflow-wrap:anywhere}\n",
    "td.plot{width:38%;min-width:6.5rem;vertical-align:middle}\n",
    ".of{display:inline-flex;gap:.4rem;align-items:baseline;max-width:100%}.term{overflow-wrap:break-word;"
    "min-width:5rem}\n",
    ".swatch{flex:none;display:inline-block;width:.7rem;height:.7rem;border-radius:2px}\n",
    "svg{display:block}svg.bar{width:100%;height:.8rem;margin:.22rem "
    "0}svg.shares{width:100%;height:1.1rem}\n",
    "svg.chart{width:100%;height:auto;overflow:visible;font-size:10.5px}\n",
    ".track{fill:var(--track)}.fill{opacity:.28}.band{opacity:.5}\n",
    ".s0{--k:var(--a)}.s1{--k:var(--b)}.s2{--k:var(--c)}.s3{--k:var(--d)}.s4{--k:var(--e)}.s5{--k:var(--f)}"
    "\n",
    "rect.s0,rect.s1,rect.s2,rect.s3,rect.s4,rect.s5,.area{fill:var(--k)}\n",
    ".swatch.s0,.swatch.s1,.swatch.s2,.swatch.s3,.swatch.s4,.swatch.s5{background:var(--k)}\n",
    ".area{opacity:.45}.line{fill:none;stroke:var(--k);stroke-width:1.6;stroke-linejoin:round}\n",
    ".grid{stroke:var(--line);stroke-width:.7}.tick{stroke:var(--soft);stroke-width:.7}\n",
    ".chart text{fill:var(--soft)}.mid{text-anchor:middle}.end{text-anchor:end}\n",
    ".right{fill:var(--right);background:var(--right)}.wrong{fill:var(--wrong);background:var(--wrong)}\n",
    ".unparsed{fill:var(--unparsed);background:var(--unparsed)}.not_measured{fill:var(--missing);background:"
    "var(--missing)}\n",
    ".truncated{fill:var(--cut);background:var(--cut)}\n",
    ".key{display:flex;flex-wrap:wrap;gap:.15rem 1.1rem;margin:.35rem 0 "
    ".6rem;padding:0;list-style:none;font-size:.9rem}\n",
    ".key li{display:flex;gap:.4rem;align-items:baseline}\n",
    ".charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,19rem),1fr));gap:.5rem "
    "2rem;margin-top:1.5rem}\n",
    "figure{margin:.5rem 0;max-width:31rem}\n", "details{border-bottom:1px solid var(--line)}\n",
    "summary{cursor:pointer;padding:.3rem 0}\n",
    ".row>summary{display:flex;gap:.1rem "
    ".9rem;align-items:baseline;flex-wrap:wrap;position:relative;padding-left:1.1rem}\n",
    ".row>summary::before{content:'\\25B8';color:var(--soft);position:absolute;left:0}.row[open]>summary::"
    "before{content:'\\25BE'}\n",
    ".row>summary::-webkit-details-marker{display:none}\n",
    ".id{font-weight:500;min-width:4.5rem;max-width:100%;overflow:hidden;text-overflow:ellipsis;white-space:"
    "nowrap}\n",
    ".body{padding:.1rem 0 .8rem 1.1rem}\n",
    ".two{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,20rem),1fr));gap:0 "
    "1.5rem}.two>div{min-width:0}\n",
    "pre{margin:.3rem 0 .8rem;padding:.6rem "
    ".75rem;background:var(--track);border-radius:4px;white-space:pre-wrap;overflow-wrap:anywhere;",
    "max-height:26rem;overflow:auto;font:13px/1.5 "
    "ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;unicode-bidi:isolate}\n",
    "bdi{unicode-bidi:isolate}.run{max-width:14rem;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}"
    ".label{margin:.5rem 0 0;color:var(--soft);font-size:.85rem}\n",
    ".inner{border:0}.inner>summary{color:var(--soft);font-size:.85rem}\n",
    ".differs td,.differs th{background:var(--note)}\n",
    ":focus-visible{outline:2px solid var(--a);outline-offset:2px}\n",
    "@media(max-width:40rem){main{padding:1rem .75rem "
    "2rem}th,td{padding-right:.5rem}.wide{display:none}.run{max-width:5rem}td.plot{width:32%;min-width:5rem}}"
    "\n",
    ".paper{display:none}\n",
    /* paper is light whatever the screen is, nothing on it can be scrolled or opened */
    "@media "
    "print{html{color-scheme:light}:root{--paper:#fff;--ink:#000;--soft:#444;--line:#bbb;--track:#f2f2f2;"
    "--note:#fff4d6;--a:#1f5fa8;--b:#b4540a;--c:#6b4fa0;--d:#1d7a74;--e:#a13670;--f:#5f6b1e;--right:#2f7d4f;"
    "--wrong:#b5443b;--unparsed:#c08a00;--missing:#7b838d;--cut:#b3bac2}",
    "body{font-size:10pt}main{max-width:none;padding:0}nav{display:none}.paper{display:block}",
    "*{-webkit-print-color-adjust:exact;print-color-adjust:exact}.scroll{overflow:visible}",
    "th,td{overflow-wrap:anywhere}.num{white-space:normal}",
    "pre{max-height:none;overflow:visible}tr,figure,summary{break-inside:avoid}h2,h3{break-after:avoid}}\n",
    NULL};
