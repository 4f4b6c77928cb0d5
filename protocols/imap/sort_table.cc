#include "protocols/imap/sort_table.h"

#include <algorithm>
#include <cstring>

#include "protocols/imap/base_subject.h"
#include "store/mime/collation.h"
#include "store/mime/message.h"

namespace hauspost::imap {
namespace {

bool is_number(SortKey key) {
  return key == SortKey::kArrival || key == SortKey::kDate || key == SortKey::kSize;
}

// So that numbers below zero come before those above.
std::uint64_t ordered(std::int64_t number) {
  return static_cast<std::uint64_t>(number) ^ (std::uint64_t{1} << 63);
}

std::string mailbox_of(const std::optional<EnvelopeAddress>& address) {
  return address && address->mailbox ? *address->mailbox : std::string();
}

// RFC 5957 section 3.
std::string display_of(const std::optional<EnvelopeAddress>& address) {
  if (!address) return {};
  std::string name = address->name ? mime::decode_header_text(*address->name) : std::string();
  if (!name.empty()) return name;
  if (address->mailbox && address->host) return *address->mailbox + "@" + *address->host;
  return mailbox_of(address);
}

std::string text_of(SortKey key, const Envelope& envelope) {
  switch (key) {
    case SortKey::kCc: return mailbox_of(envelope.cc);
    case SortKey::kFrom: return mailbox_of(envelope.from);
    case SortKey::kTo: return mailbox_of(envelope.to);
    case SortKey::kDisplayFrom: return display_of(envelope.from);
    case SortKey::kDisplayTo: return display_of(envelope.to);
    case SortKey::kSubject: return base_subject(decoded_subject(envelope)).text;
    case SortKey::kArrival:
    case SortKey::kDate:
    case SortKey::kSize: break;
  }
  return {};
}

}  // namespace

std::int64_t sent_date(const Envelope& envelope, const store::Message& message) {
  const auto date = envelope.date ? mime::parse_date_header(*envelope.date) : std::nullopt;
  return date ? date->unix_s : message.internal_date_s;
}

std::string decoded_subject(const Envelope& envelope) {
  return envelope.subject ? mime::decode_header_text(*envelope.subject) : std::string();
}

std::string comparable(std::string_view utf8) {
  const std::string mapped = mime::casemap(utf8);
  return mapped.substr(0, kComparedBytesMax);
}

bool SortTable::needs_envelope() const {
  return !std::ranges::all_of(criteria_, [](const SortCriterion& criterion) {
    return criterion.key == SortKey::kArrival || criterion.key == SortKey::kSize;
  });
}

std::uint64_t SortTable::add_text(std::string_view utf8) {
  if (utf8.empty() && !texts_.empty()) return texts_.size() - 1;  // the NUL of the last one
  const std::size_t begin = texts_.size();
  std::string mapped = comparable(utf8);
  std::erase(mapped, '\0');
  texts_ += mapped;
  texts_ += '\0';
  return begin;
}

void SortTable::add(const store::Message& message, const Envelope& envelope) {
  for (const SortCriterion& criterion : criteria_) {
    switch (criterion.key) {
      case SortKey::kArrival: cells_.push_back(ordered(message.internal_date_s)); break;
      case SortKey::kDate: cells_.push_back(ordered(sent_date(envelope, message))); break;
      case SortKey::kSize: cells_.push_back(message.size); break;
      default: cells_.push_back(add_text(text_of(criterion.key, envelope)));
    }
  }
}

bool SortTable::less(std::uint32_t a, std::uint32_t b) const {
  const std::uint64_t* const left = cells_.data() + a * criteria_.size();
  const std::uint64_t* const right = cells_.data() + b * criteria_.size();
  for (std::size_t i = 0; i < criteria_.size(); ++i) {
    int order = 0;
    if (is_number(criteria_[i].key)) {
      order = left[i] < right[i] ? -1 : left[i] > right[i] ? 1 : 0;
    } else if (left[i] != right[i]) {
      order = std::strcmp(texts_.data() + left[i], texts_.data() + right[i]);
    }
    if (order != 0) return criteria_[i].reverse ? order > 0 : order < 0;
  }
  return false;
}

}  // namespace hauspost::imap
