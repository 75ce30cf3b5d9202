/** How the drawings look; colours come from the page. */
export const chartStyle = `
svg.chart { display: block; font-size: 11.5px; }
svg.timeline { width: 100%; min-width: 760px; height: auto; }
.chart text { fill: var(--ink); }
.chart .axis text, .chart .unit, .chart .band-labels text { fill: var(--soft); font-size: 11px; }
.chart .band-labels text { font-size: 10.5px; }
.chart .panel { font-weight: 600; font-size: 13px; }
.chart .grid line, .chart .rule { stroke: var(--line); stroke-width: 1; shape-rendering: crispEdges; }
.chart .bands rect { fill: var(--band); fill-opacity: .1; }
.chart .bands text { fill: var(--soft); font-size: 10.5px; }
.chart .spread { fill: var(--ok); fill-opacity: .12; }
.chart line.spread { stroke: var(--ok); stroke-opacity: .35; stroke-width: 2; }
.chart .p50, .chart .p99 { fill: none; stroke: var(--ok); stroke-width: 1.75; stroke-linejoin: round; stroke-linecap: round; }
.chart .p99 { stroke-width: 1.2; stroke-dasharray: 4 3; }
.chart .p50-dot, .chart .p99-dot { fill: var(--ok); }
.chart .point.ok { fill: var(--ground); stroke: var(--ok); stroke-width: 1.1; stroke-opacity: .8; }
.chart .point.fail { fill: var(--fail); stroke: var(--ground); stroke-width: .6; }
.chart .point.unknown { fill: none; stroke: var(--unknown); stroke-width: 1.7; stroke-linecap: round; }
.chart .area.ok { fill: var(--ok-soft); } .chart .area.fail { fill: var(--fail); } .chart .area.unknown { fill: var(--unknown); }
.chart .strip { fill: transparent; } .chart .strip:hover { fill: var(--ink); fill-opacity: .07; }
.chart .lane-name { font-size: 11.5px; }
.chart .fault text { fill: var(--ground); font-size: 10.5px; font-weight: 600; }
.chart .fault.unseen rect { fill: none; stroke: var(--broken); stroke-width: 1.5; stroke-dasharray: 3 2; }
.chart .fault.unseen text { fill: var(--broken); }
.hue-0 rect { fill: var(--h0); } .hue-1 rect { fill: var(--h1); } .hue-2 rect { fill: var(--h2); } .hue-3 rect { fill: var(--h3); }
.hue-4 rect { fill: var(--h4); } .hue-5 rect { fill: var(--h5); } .hue-6 rect { fill: var(--h6); } .hue-7 rect { fill: var(--h7); }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; margin-bottom: 14px; font-size: 12.5px; color: var(--soft); }
.legend li { display: flex; align-items: center; gap: 7px; }
.legend svg { width: 20px; height: 12px; flex: none; overflow: visible; }
.legend .bands rect { fill-opacity: .18; }
svg.excerpt { margin-top: 6px; }
.excerpt .lane-name { paint-order: stroke; stroke: var(--ground); stroke-width: 6px; }
.excerpt .bands rect { fill-opacity: .07; }
.excerpt .call rect { fill: var(--ok-soft); fill-opacity: .35; stroke: var(--ok); stroke-opacity: .45; stroke-width: 1; }
.excerpt .call.fail rect { fill: none; stroke: var(--fail); stroke-opacity: .9; stroke-dasharray: 3 2; }
.excerpt .call.info rect { fill: var(--unknown); fill-opacity: .14; stroke: var(--unknown); stroke-opacity: .6; }
.excerpt .call.named rect { stroke-width: 1.75; stroke-opacity: 1; fill-opacity: .85; }
.excerpt .call.info.named rect { fill-opacity: .35; }
.excerpt .call text { font-size: 10.5px; fill: var(--soft); font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; }
.excerpt .call.named text { fill: var(--ink); font-weight: 600; }
.excerpt .call.misfit rect { stroke: var(--bad); fill: var(--bad); fill-opacity: .22; }
.excerpt .call text.place { fill: var(--ink); font-size: 9.5px; font-weight: 600; }
.excerpt .open-end { fill: none; stroke: var(--unknown); stroke-width: 1.5; stroke-linecap: round; stroke-linejoin: round; }
.excerpt .stuck line { stroke: var(--bad); stroke-width: 1.5; stroke-dasharray: 5 3; }
.excerpt .stuck path { fill: var(--bad); }
.excerpt .stuck text { fill: var(--bad); font-weight: 600; font-size: 12px; }
.excerpt .axis line { stroke: var(--soft); }
`
