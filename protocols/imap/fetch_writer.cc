#include "protocols/imap/fetch_writer.h"

#include <charconv>
#include <chrono>

#include "base/check.h"
#include "protocols/imap/message_body.h"
#include "protocols/imap/object_id.h"
#include "store/mime/imap_text.h"
#include "store/mime/preview.h"

namespace hauspost::imap {

namespace {

template <class Number>
void append_number(std::string& out, Number number) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

bool is_atom(std::string_view text) {
  constexpr std::string_view kSpecials = "(){ %*\"\\]";
  for (const char c : text) {
    if (c <= 32 || c >= 127 || kSpecials.find(c) != std::string_view::npos) return false;
  }
  return !text.empty();
}

// header-fld-name is an astring: what is no atom goes back quoted.
void append_field_name(std::string& out, std::string_view name) {
  if (is_atom(name)) {
    out += name;
    return;
  }
  out += '"';
  for (const char c : name) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

std::string_view text_label(mime::SectionText text) {
  switch (text) {
    case mime::SectionText::kWhole: return "";
    case mime::SectionText::kHeader: return "HEADER";
    case mime::SectionText::kHeaderFields: return "HEADER.FIELDS (";
    case mime::SectionText::kHeaderFieldsNot: return "HEADER.FIELDS.NOT (";
    case mime::SectionText::kText: return "TEXT";
    case mime::SectionText::kMime: return "MIME";
  }
  HP_UNREACHABLE();
}

// "[1.2.HEADER.FIELDS (From To)]<17> " (RFC 3501 section 9, section and msg-att-static).
void append_section(std::string& out, const FetchItem& item) {
  const mime::Section& section = item.section;
  out += '[';
  for (std::size_t i = 0; i < section.part.size(); ++i) {
    if (i > 0) out += '.';
    append_number(out, section.part[i]);
  }
  const std::string_view text = text_label(section.text);
  if (!section.part.empty() && !text.empty()) out += '.';
  out += text;
  for (std::size_t i = 0; i < section.fields.size(); ++i) {
    if (i > 0) out += ' ';
    append_field_name(out, section.fields[i]);
  }
  if (text.ends_with('(')) out += ')';
  out += ']';
  if (item.partial) {
    out += '<';
    append_number(out, item.partial->offset);
    out += '>';
  }
}

std::string label_of(const FetchItem& item) {
  std::string label;
  switch (item.attribute) {
    case FetchAttribute::kFlags: label = "FLAGS"; break;
    case FetchAttribute::kUid: label = "UID"; break;
    case FetchAttribute::kInternalDate: label = "INTERNALDATE"; break;
    case FetchAttribute::kRfc822Size: label = "RFC822.SIZE"; break;
    case FetchAttribute::kEnvelope: label = "ENVELOPE"; break;
    case FetchAttribute::kBody: label = "BODY"; break;
    case FetchAttribute::kBodyStructure: label = "BODYSTRUCTURE"; break;
    case FetchAttribute::kModSeq: label = "MODSEQ"; break;
    case FetchAttribute::kSaveDate: label = "SAVEDATE"; break;
    case FetchAttribute::kEmailId: label = "EMAILID"; break;
    case FetchAttribute::kThreadId: label = "THREADID"; break;
    case FetchAttribute::kPreview: label = "PREVIEW"; break;
    case FetchAttribute::kRfc822: label = "RFC822"; break;
    case FetchAttribute::kRfc822Header: label = "RFC822.HEADER"; break;
    case FetchAttribute::kRfc822Text: label = "RFC822.TEXT"; break;
    case FetchAttribute::kSection:
      label = "BODY";
      append_section(label, item);
      break;
    case FetchAttribute::kBinary:
      label = "BINARY";
      append_section(label, item);
      break;
    case FetchAttribute::kBinarySize:
      label = "BINARY.SIZE";
      append_section(label, item);
      break;
  }
  label += ' ';
  return label;
}

std::string_view cut(std::string_view bytes, const std::optional<Partial>& partial) {
  if (!partial) return bytes;
  if (partial->offset >= bytes.size()) return {};
  return bytes.substr(partial->offset, partial->count);
}

void append_literal_head(std::string& out, std::size_t length) {
  out += '{';
  append_number(out, length);
  out += "}\r\n";
}

// The RFC822 items are sections by older names (RFC 3501 section 6.4.5).
mime::Section section_of(const FetchItem& item) {
  switch (item.attribute) {
    case FetchAttribute::kRfc822Header: return {{}, mime::SectionText::kHeader, {}};
    case FetchAttribute::kRfc822Text: return {{}, mime::SectionText::kText, {}};
    default: return {};
  }
}

}  // namespace

void append_flags(std::string& out, const store::Folder& folder, store::FlagBits flags,
                  bool recent) {
  char before = '(';
  const auto add = [&](std::string_view name) {
    out += before;
    out += name;
    before = ' ';
  };
  if ((flags & store::kAnswered) != 0) add("\\Answered");
  if ((flags & store::kFlagged) != 0) add("\\Flagged");
  if ((flags & store::kDeleted) != 0) add("\\Deleted");
  if ((flags & store::kSeen) != 0) add("\\Seen");
  if ((flags & store::kDraft) != 0) add("\\Draft");
  store::FlagBits keywords = flags >> store::kFirstKeywordBit;
  for (std::size_t i = 0; keywords != 0 && i < folder.keywords.size(); ++i, keywords >>= 1) {
    if ((keywords & 1) != 0) add(folder.keywords[i]);
  }
  if (recent) add("\\Recent");
  if (before == '(') out += '(';
  out += ')';
}

void append_internal_date(std::string& out, std::int64_t unix_s) {
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  constexpr std::int64_t kDaySeconds = 86'400;
  // Years 0000 to 9999: what the date's four digits can show.
  unix_s = std::clamp<std::int64_t>(unix_s, -62'167'219'200, 253'402'300'799);
  std::int64_t second = unix_s % kDaySeconds;
  if (second < 0) second += kDaySeconds;
  const auto days = static_cast<int>((unix_s - second) / kDaySeconds);
  const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{days}}};
  const auto two = [&](std::int64_t value, char before) {
    if (before != 0) out += before;
    out += static_cast<char>('0' + value / 10 % 10);
    out += static_cast<char>('0' + value % 10);
  };
  out += '"';
  two(unsigned{date.day()}, 0);
  if (out[out.size() - 2] == '0') out[out.size() - 2] = ' ';  // date-day-fixed
  out += '-';
  out += kMonths.substr((unsigned{date.month()} - 1) * 3, 3);
  two(int{date.year()} / 100, '-');
  two(int{date.year()} % 100, 0);
  two(second / 3600, ' ');
  two(second / 60 % 60, ':');
  two(second % 60, ':');
  out += " +0000\"";
}

struct FetchWriter::Rendering {
  std::optional<MessageBody> body;  // of items that need it
  std::string storage;              // of header field subsets

  // What a section shows; nullopt: there is no such part. Header fields and the header come
  // without a look at the rest of the message.
  Result<std::optional<std::string_view>> find(const mime::Section& section) {
    const bool whole = section.part.empty();
    if (whole && section.text == mime::SectionText::kHeader) return body->header();
    if (whole && (section.text == mime::SectionText::kHeaderFields ||
                  section.text == mime::SectionText::kHeaderFieldsNot)) {
      TRY_ASSIGN(const std::string_view header, body->header());
      TRY_ASSIGN(const mime::Summary* const summary, body->summary());
      if (const auto fields = mime::select_fields(*summary, header, section, storage))
        return fields;
      return mime::find_section(header, section, storage);
    }
    TRY_ASSIGN(const std::string_view bytes, body->bytes());
    return mime::find_section(bytes, section, storage);
  }

  Result<> write_section(const FetchItem& item, const mime::Section& section, FetchOutput& out) {
    TRY_ASSIGN(const auto found, find(section));
    if (!found) {
      out.text() += "NIL";
      return {};
    }
    const std::string_view bytes = cut(*found, item.partial);
    if (bytes.empty()) {
      out.text() += "\"\"";
      return {};
    }
    append_literal_head(out.text(), bytes.size());
    if (body->holds(bytes)) {
      out.add_view(bytes, body->owner());
    } else {
      out.text() += bytes;
    }
    return {};
  }

  // False: UNKNOWN-CTE (RFC 3516 section 4.3).
  Result<bool> write_binary(const FetchItem& item, std::string& out) {
    TRY_ASSIGN(const std::string_view whole, body->bytes());
    const auto decoded = mime::decode_part(whole, item.section.part);
    if (decoded && decoded->unknown_encoding) return false;
    if (item.attribute == FetchAttribute::kBinarySize) {
      append_number(out, decoded ? decoded->bytes.size() : 0);
      return true;
    }
    if (!decoded) {
      out += "NIL";
      return true;
    }
    const std::string_view bytes = cut(decoded->bytes, item.partial);
    // NUL may travel in a literal8 only.
    if (bytes.find('\0') != std::string_view::npos) out += '~';
    append_literal_head(out, bytes.size());
    out += bytes;
    return true;
  }

  Result<> write_summary(std::string_view mime::Summary::* text, FetchOutput& out) {
    TRY_ASSIGN(const mime::Summary* const summary, body->summary());
    out.text() += summary->*text;
    return {};
  }
};

FetchWriter::FetchWriter(std::span<const FetchItem> items, bool uid_only) : uid_only_(uid_only) {
  items_.reserve(items.size());
  for (const FetchItem& item : items) {
    items_.push_back({&item, label_of(item)});
    needs_body_ = needs_body_ || item.needs_body();
    sets_seen_ = sets_seen_ || item.sets_seen();
  }
}

const std::string& FetchWriter::flags_text(const store::Folder& folder, store::FlagBits flags,
                                           bool recent) {
  // Keywords are only ever added to a folder, so their count tells whether the table is the same.
  if (flags_text_.empty() || flags != flags_ || recent != flags_recent_ ||
      folder.keywords.size() != keywords_) {
    flags_text_.clear();
    append_flags(flags_text_, folder, flags, recent);
    flags_ = flags;
    flags_recent_ = recent;
    keywords_ = folder.keywords.size();
  }
  return flags_text_;
}

void FetchWriter::write_plain(const Item& item, const store::Folder& folder,
                              const store::Message& message, bool recent, std::string& out) {
  switch (item.item->attribute) {
    case FetchAttribute::kFlags: out += flags_text(folder, message.flags, recent); return;
    case FetchAttribute::kUid: append_number(out, message.uid.value); return;
    case FetchAttribute::kInternalDate: append_internal_date(out, message.internal_date_s); return;
    case FetchAttribute::kRfc822Size: append_number(out, message.size); return;
    case FetchAttribute::kModSeq:
      out += '(';
      append_number(out, message.modseq.value);
      out += ')';
      return;
    case FetchAttribute::kSaveDate: append_internal_date(out, message.save_date_s); return;
    case FetchAttribute::kThreadId: out += "NIL"; return;  // RFC 8474 section 5.2
    default: HP_UNREACHABLE();
  }
}

Result<bool> FetchWriter::write_from_body(const Item& item, Rendering& rendering,
                                          FetchOutput& out) {
  switch (item.item->attribute) {
    case FetchAttribute::kEnvelope: TRY(rendering.write_summary(&mime::Summary::envelope, out)); return true;
    case FetchAttribute::kBody: TRY(rendering.write_summary(&mime::Summary::body, out)); return true;
    case FetchAttribute::kBodyStructure:
      TRY(rendering.write_summary(&mime::Summary::body_structure, out));
      return true;
    case FetchAttribute::kEmailId: {
      TRY_ASSIGN(const std::string_view hash, rendering.body->content_hash());
      out.text() += '(' + email_id(hash) + ')';
      return true;
    }
    case FetchAttribute::kPreview: {
      TRY_ASSIGN(const std::string_view bytes, rendering.body->bytes());
      mime::put_string(out.text(), mime::make_preview(bytes));
      return true;
    }
    case FetchAttribute::kBinary:
    case FetchAttribute::kBinarySize: return rendering.write_binary(*item.item, out.text());
    case FetchAttribute::kSection:
      TRY(rendering.write_section(*item.item, item.item->section, out));
      return true;
    case FetchAttribute::kRfc822:
    case FetchAttribute::kRfc822Header:
    case FetchAttribute::kRfc822Text:
      TRY(rendering.write_section(*item.item, section_of(*item.item), out));
      return true;
    default: HP_UNREACHABLE();
  }
}

Result<FetchOutcome> FetchWriter::write(const store::Snapshot& snapshot,
                                        const store::Folder& folder, const store::Message& message,
                                        std::uint32_t sequence, bool recent, FetchOutput& out) {
  Rendering rendering;
  if (needs_body_) {
    TRY_ASSIGN(rendering.body, MessageBody::open(snapshot, message.body));
  }
  const FetchOutput::Mark start = out.mark();
  std::string& text = out.text();
  text += "* ";
  append_number(text, uid_only_ ? message.uid.value : sequence);
  text += uid_only_ ? " UIDFETCH (" : " FETCH (";
  for (std::size_t i = 0; i < items_.size(); ++i) {
    const Item& item = items_[i];
    if (i > 0) text += ' ';
    text += item.label;
    if (!item.item->needs_body()) {
      write_plain(item, folder, message, recent, text);
      continue;
    }
    auto written = write_from_body(item, rendering, out);
    if (written && *written) continue;
    out.rewind(start);
    if (!written) return fail(std::move(written).error());
    return FetchOutcome::kUnknownEncoding;
  }
  text += ")\r\n";
  return FetchOutcome::kWritten;
}

}  // namespace hauspost::imap
