"""All that a provider may import from `source_events`. An ordinary API needs nothing of it: its manifest says it all.

Answers and their rows:

- `ListDecoder`: base of decoders that say what a record needs of a row; the manifest says where the rows are.
  `Decoder`: the same where an answer is no list at a path. It makes an `Answer`, with `rows_of` a list that may be
  null and `total_of` what is announced, and raises `AnswerRefused` for a refusal with a successful status, as
  `raise_refusal_of` does. `MappedEntityDecoder` is the one of rows that are no events, which a manifest describes.
- `RowFields` decodes what is needed of a row, and finds the fields that the schema does not name; `fields_of` all
  fields as bytes. `ABSENT` stands for a field that is not there, and `own` names those that are.
- `Row`, `Event`, `Entity`: a row with its `Envelope`, or with its `Identity` where it is no event. `ENVELOPE_FIELDS`
  are the names of the envelope's fields, `UNKNOWN_FIELDS` is the name of the one for what the schema does not name.
- `synthetic_id`: an id for events that have none.

Times:

- `normalize_time` and `normalize_times` bring times to the notation of the records, `local_time` those of a zone's
  clock, and `from_any` whatever form they may have. `UnreadableTime` is one that cannot be read, `LOCAL_TIME` the form
  of one without an offset. `earlier` moves one.
- `zone_of`: the zone that is configured. `LocalWindows`: bounds on its clock. `repeated_times` are the local times that
  mean two instants, and `from_begin_of_repeated_time` lets a slice begin before them.

Requests, slices and pages:

- `Slice`: what is read at once, in whole seconds; `SECOND` is one. `Windows`: what a manifest may say of its time.
- `Requester`: an endpoint. `Authenticator`: what a request shows that it may be made.
- `Paging` and `Pages`: how pages follow each other, told by a `Page` each. `OffsetPaging` with `OffsetPages`, and
  `NumberPaging`, are some. `PageParameters` ask for a page, and a `Continuation` may be a link, too.
- `Selection` with `SliceSelection`, and for events `EventSelection` with `SliceEvents`: which rows of an answer become
  records. `OUTSIDE` is why a row outside its slice is left out.
- `PageReader`: reads slices of an endpoint. `BatchReader`: reads contact by contact. `ContactList`, `FeedContacts`:
  which `Contact` there is.

A command:

- `Runtime`: what its streams share. `StreamRun`: what the slices of one stream share. `failure`: an error for people.
"""

from source_events.components.authentication import Authenticator
from source_events.components.clock import LocalWindows, from_begin_of_repeated_time, repeated_times
from source_events.components.contacts import BatchReader, Contact, ContactList, FeedContacts
from source_events.components.decoder import (
    AnswerRefused,
    Decoder,
    ListDecoder,
    raise_refusal_of,
    rows_of,
    total_of,
)
from source_events.components.mapped import MappedEntityDecoder
from source_events.components.paging import (
    Continuation,
    NumberPaging,
    OffsetPages,
    OffsetPaging,
    PageParameters,
    Pages,
    Paging,
)
from source_events.components.reader import PageReader
from source_events.components.requester import Requester
from source_events.components.selection import OUTSIDE, EventSelection, Selection, SliceEvents, SliceSelection
from source_events.components.windows import SECOND, Slice, Windows
from source_events.components.zones import zone_of
from source_events.records.ids import synthetic_id
from source_events.records.page import Answer, Page
from source_events.records.rows import (
    ABSENT,
    ENVELOPE_FIELDS,
    UNKNOWN_FIELDS,
    Entity,
    Envelope,
    Event,
    Identity,
    Row,
    RowFields,
    fields_of,
    own,
)
from source_events.records.times import (
    LOCAL_TIME,
    UnreadableTime,
    earlier,
    from_any,
    local_time,
    normalize_time,
    normalize_times,
)
from source_events.runtime import Runtime, StreamRun, failure

__all__ = [
    "ABSENT",
    "ENVELOPE_FIELDS",
    "LOCAL_TIME",
    "OUTSIDE",
    "SECOND",
    "UNKNOWN_FIELDS",
    "Answer",
    "AnswerRefused",
    "Authenticator",
    "BatchReader",
    "Contact",
    "ContactList",
    "Continuation",
    "Decoder",
    "Entity",
    "Envelope",
    "Event",
    "EventSelection",
    "FeedContacts",
    "Identity",
    "ListDecoder",
    "LocalWindows",
    "MappedEntityDecoder",
    "NumberPaging",
    "OffsetPages",
    "OffsetPaging",
    "Page",
    "PageParameters",
    "PageReader",
    "Pages",
    "Paging",
    "Requester",
    "Row",
    "RowFields",
    "Runtime",
    "Selection",
    "Slice",
    "SliceEvents",
    "SliceSelection",
    "StreamRun",
    "UnreadableTime",
    "Windows",
    "earlier",
    "failure",
    "fields_of",
    "from_any",
    "from_begin_of_repeated_time",
    "local_time",
    "normalize_time",
    "normalize_times",
    "own",
    "raise_refusal_of",
    "repeated_times",
    "rows_of",
    "synthetic_id",
    "total_of",
    "zone_of",
]
