#include "store/search/batch.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "store/search/terms.h"

namespace hauspost::store {

namespace {

constexpr std::size_t kSlotsFirst = 1 << 14;

std::uint32_t hash_of(SearchZone zone, std::string_view text) {
  const std::size_t hash = std::hash<std::string_view>()(text);
  return static_cast<std::uint32_t>(hash ^ hash >> 32) + static_cast<std::uint32_t>(zone) * 0x9e37U;
}

}  // namespace

static_assert(kTermBytesMax <= UINT8_MAX);

TermBatch::TermBatch(BodyId first) : first_(first), slots_(kSlotsFirst) {}

bool TermBatch::full() const {
  return postings_.size() >= kPostingsMax || terms_.size() >= kTermsMax ||
         texts_.size() >= kTermBytesMax || message_bytes_ >= kMessageBytesMax;
}

void TermBatch::add(BodyId body, std::string_view message, const SearchExtract& extract) {
  const auto document = static_cast<std::uint32_t>(body.value - first_.value);
  new_terms_ = 0;
  cut_ = false;
  const bool whole = extract(message, [&](SearchZone zone, std::string_view folded) {
    for_each_term(folded, [&](std::string_view text) { take(zone, text, document); });
  });
  if (!whole || cut_) partial_.push_back(document);
  message_bytes_ += message.size();
  ++documents_;
}

void TermBatch::add_unreadable(BodyId body) {
  partial_.push_back(static_cast<std::uint32_t>(body.value - first_.value));
  ++documents_;
}

std::uint32_t& TermBatch::slot_of(SearchZone zone, std::string_view text, std::uint32_t hash) {
  std::size_t at = hash & (slots_.size() - 1);
  while (slots_[at] != 0) {
    const Term& term = terms_[slots_[at] - 1];
    if (term.hash == hash && term.zone == zone && text_of(term) == text) break;
    at = (at + 1) & (slots_.size() - 1);
  }
  return slots_[at];
}

void TermBatch::take(SearchZone zone, std::string_view text, std::uint32_t document) {
  const std::uint32_t hash = hash_of(zone, text);
  std::uint32_t& slot = slot_of(zone, text, hash);
  if (slot == 0) {
    if (++new_terms_ > kDocumentTermsMax) {
      cut_ = true;
      return;
    }
    terms_.push_back({static_cast<std::uint32_t>(texts_.size()),
                      static_cast<std::uint8_t>(text.size()), zone, document, 0, hash});
    texts_ += text;
    slot = static_cast<std::uint32_t>(terms_.size());
  }
  const std::uint32_t number = slot - 1;
  Term& term = terms_[number];
  if (term.documents != 0 && term.last_document == document) return;
  term.last_document = document;
  ++term.documents;
  postings_.push_back({number, document});
  if (terms_.size() * 2 > slots_.size()) grow();
}

void TermBatch::grow() {
  slots_.assign(slots_.size() * 2, 0);
  for (std::uint32_t number = 0; number < terms_.size(); ++number) {
    std::size_t at = terms_[number].hash & (slots_.size() - 1);
    while (slots_[at] != 0) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = number + 1;
  }
}

std::vector<std::uint32_t> TermBatch::sorted() const {
  std::vector<std::uint32_t> order(terms_.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::sort(order, [this](std::uint32_t a, std::uint32_t b) {
    if (terms_[a].zone != terms_[b].zone) return terms_[a].zone < terms_[b].zone;
    return text_of(terms_[a]) < text_of(terms_[b]);
  });
  return order;
}

Result<> TermBatch::write(RunWriter& writer, BodyId end) const {
  // Each term's documents side by side, in the order of the terms' numbers.
  std::vector<std::uint32_t> begins(terms_.size());
  std::uint32_t begin = 0;
  for (std::size_t i = 0; i < terms_.size(); ++i) {
    begins[i] = begin;
    begin += terms_[i].documents;
  }
  std::vector<std::uint32_t> documents(postings_.size());
  for (const Posting& posting : postings_) documents[begins[posting.term]++] = posting.document;
  for (const std::uint32_t number : sorted()) {
    const Term& term = terms_[number];
    const std::span<const std::uint32_t> all(documents);
    TRY(writer.add(term.zone, text_of(term),
                   all.subspan(begins[number] - term.documents, term.documents)));
  }
  return writer.finish(first_, end, documents_, partial_);
}

}  // namespace hauspost::store
