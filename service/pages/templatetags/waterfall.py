"""Draws the bars of a deployment. A page has hundreds: written here they cost a tenth of what they do in a template."""

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from pages.fleet.timeline import Bar, Waterfall, spoken

register = template.Library()

ROW = (
    '<tr class="{state}"><th scope="row">{step}</th><td class="lane"><svg aria-hidden="true" focusable="false">'
    '<rect class="track" width="100%" height="100%" rx="3"></rect>{commit}'
    '<rect class="bar" x="{start}%" width="{width}%" height="100%" rx="3"{at}></rect></svg>{detail}</td>'
    '<td class="seconds">{seconds}</td></tr>'
)
PART = '<rect class="{state} n{colour}" x="{start}%" width="{width}%" height="100%"{at}></rect>'
COMMIT = '<line class="commit" x1="{0}%" x2="{0}%" y1="0" y2="100%"></line>'


@register.simple_tag
def waterfall_rows(drawn: Waterfall, moves: bool) -> SafeString:
    """Return a table row for each step; of a deployment that moves with what a script draws on with."""
    commit = "" if drawn.commit is None or moves else COMMIT.format(drawn.commit)
    rows = [
        ROW.format(
            state=escape(bar.state),
            step=escape(bar.step),
            commit=commit,
            start=bar.start,
            width=bar.width,
            at=_place(bar) if moves else "",
            detail=f'<span class="detail">{escape(bar.detail)}</span>' if bar.detail else "",
            seconds=_seconds(bar, moves),
        )
        for bar in drawn.bars
    ]
    return mark_safe("".join(rows))  # noqa: S308 - what was reported is escaped above


@register.simple_tag
def waterfall_strip(drawn: Waterfall, moves: bool) -> SafeString:
    """Return all steps in one line, in two colours by turns."""
    parts = [
        PART.format(
            state=escape(bar.state),
            colour="ab"[number % 2],
            start=bar.start,
            width=bar.width,
            at=_place(bar) if moves else "",
        )
        for number, bar in enumerate(drawn.bars)
    ]
    return mark_safe("".join(parts))  # noqa: S308 - what was reported is escaped above


def _place(bar: Bar) -> str:
    seconds = "" if bar.seconds is None else f' data-seconds="{float(bar.seconds)}"'
    return f' data-at="{bar.at}"{seconds}'


def _seconds(bar: Bar, moves: bool) -> str:
    text = spoken(bar.seconds)
    if moves and bar.state == "started" and bar.seconds is None:
        text = f'<span data-ticks="{bar.at}"></span>'
    if bar.state == "done":
        return text
    return f'{text} <span class="state">{"runs" if bar.state == "started" else escape(bar.state)}</span>'
