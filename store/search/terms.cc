#include "store/search/terms.h"

#include <array>

#include "base/text.h"

namespace hauspost::store {

namespace {

enum class Class : std::uint8_t { kSeparator, kWord, kJoiner, kPair };

constexpr std::array<Class, 128> make_ascii_classes() {
  std::array<Class, 128> classes{};
  for (std::size_t c = 0; c < classes.size(); ++c) {
    const bool word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool joiner = c == '.' || c == '@' || c == '-' || c == '_';
    classes[c] = word ? Class::kWord : joiner ? Class::kJoiner : Class::kSeparator;
  }
  return classes;
}
constexpr std::array<Class, 128> kAsciiClasses = make_ascii_classes();

struct Range {
  char32_t first;
  char32_t last;
};
// Written without spaces: Thai and Lao, Myanmar, Khmer, radicals, kana and Bopomofo, ideographs.
constexpr std::array<Range, 8> kPairRanges = {{{0x0e00, 0x0eff},
                                               {0x1000, 0x109f},
                                               {0x1780, 0x17ff},
                                               {0x2e80, 0x2fff},
                                               {0x3040, 0x31ff},
                                               {0x3400, 0x9fff},
                                               {0xf900, 0xfaff},
                                               {0x20000, 0x3ffff}}};
// Latin-1 signs, general punctuation, CJK punctuation.
constexpr std::array<Range, 3> kSeparatorRanges = {
    {{0x00a0, 0x00bf}, {0x2000, 0x206f}, {0x3000, 0x303f}}};

Class class_of(char32_t c) {
  for (const Range range : kSeparatorRanges) {
    if (c >= range.first && c <= range.last) return Class::kSeparator;
  }
  for (const Range range : kPairRanges) {
    if (c >= range.first && c <= range.last) return Class::kPair;
  }
  return Class::kWord;
}

struct Character {
  Class kind = Class::kSeparator;
  std::size_t bytes = 1;
};

// A byte that begins no character, or one that ends too early, is a word's character of one byte.
Character character_at(std::string_view text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  if (lead < 0x80) return {kAsciiClasses[lead], 1};
  const std::size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
  if (bytes == 1 || at + bytes > text.size()) return {Class::kWord, 1};
  char32_t c = lead & (0xffU >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) {
    const auto next = static_cast<unsigned char>(text[at + i]);
    if ((next & 0xc0) != 0x80) return {Class::kWord, 1};
    c = c << 6 | (next & 0x3f);
  }
  return {class_of(c), bytes};
}

bool word_at(std::string_view text, std::size_t at) {
  return at < text.size() && character_at(text, at).kind == Class::kWord;
}

// Behind the word that begins at `at`; its inner joiners are passed to `joiner`.
template <class Joiner>
std::size_t word_end(std::string_view text, std::size_t at, const Joiner& joiner) {
  while (at < text.size()) {
    const Character here = character_at(text, at);
    if (here.kind == Class::kWord) {
      at += here.bytes;
    } else if (here.kind == Class::kJoiner && word_at(text, at + 1)) {
      joiner(text[at]);
      ++at;
    } else {
      break;
    }
  }
  return at;
}

std::size_t pairs_end(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    const Character here = character_at(text, at);
    if (here.kind != Class::kPair) break;
    at += here.bytes;
  }
  return at;
}

template <class Take>
void each_pair(std::string_view run, const Take& take) {
  std::size_t first = 0;
  std::size_t second = character_at(run, 0).bytes;
  if (second == run.size()) return take(run);
  while (second < run.size()) {
    const std::size_t end = second + character_at(run, second).bytes;
    take(run.substr(first, end - first));
    first = second;
    second = end;
  }
}

template <class Take>
void each_piece(std::string_view word, const Take& take) {
  while (word.size() > kTermBytesMax) {
    take(word.substr(0, kTermBytesMax));
    word.remove_prefix(kTermBytesMax - kTermOverlap);
  }
  take(word);
}

}  // namespace

void for_each_term(std::string_view folded, const std::function<void(std::string_view)>& take) {
  std::array<bool, 128> separators{};
  const auto note = [&separators](char c) { separators[static_cast<unsigned char>(c)] = true; };
  std::size_t at = 0;
  while (at < folded.size()) {
    const Character here = character_at(folded, at);
    std::size_t end = at + here.bytes;
    if (here.kind == Class::kWord) {
      end = word_end(folded, at, note);
      each_piece(folded.substr(at, end - at), take);
    } else if (here.kind == Class::kPair) {
      end = pairs_end(folded, at);
      each_pair(folded.substr(at, end - at), take);
    } else if (here.bytes == 1) {
      note(folded[at]);
    }
    at = end;
  }
  for (std::size_t c = 1; c < separators.size(); ++c) {
    const char text = static_cast<char>(c);
    if (separators[c]) take({&text, 1});
  }
}

namespace {

// Cuts a needle. What stands at one of its ends may go on in the text around it.
class NeedleCutter {
 public:
  explicit NeedleCutter(std::string_view needle) : needle_(needle) {}

  TermQuery cut() {
    while (at_ < needle_.size()) {
      const Character here = character_at(needle_, at_);
      if (here.kind == Class::kWord) {
        take_word();
      } else if (here.kind == Class::kPair) {
        take_pairs();
      } else {
        take_separator(here);
      }
    }
    query_.exact = whole_ && query_.patterns.size() == 1;
    query_.within_term = within_term_ && !query_.exact;
    return std::move(query_);
  }

 private:
  // A joiner at an end of the needle belongs to a word of the text or does not.
  bool open_joiner(std::size_t at) const {
    return (at == 0 || at + 1 == needle_.size()) &&
           character_at(needle_, at).kind == Class::kJoiner;
  }

  void add(std::string_view text, bool at_start, bool at_end) {
    query_.patterns.push_back({std::string(text), at_start, at_end});
  }

  void take_word() {
    const std::size_t end = word_end(needle_, at_, [](char) {});
    const std::string_view word = needle_.substr(at_, end - at_);
    const bool at_start = at_ != 0 && !open_joiner(at_ - 1);
    const bool at_end = end != needle_.size() && !open_joiner(end);
    if (word.size() <= kTermOverlap) {
      add(word, at_start, at_end);
      whole_ = word.size() == needle_.size();
    } else {
      for (std::size_t i = 0; i + kTermOverlap < word.size(); i += kTermOverlap)
        add(word.substr(i, kTermOverlap), false, false);
      add(word.substr(word.size() - kTermOverlap), false, false);
    }
    at_ = end;
  }

  void take_pairs() {
    const std::size_t end = pairs_end(needle_, at_);
    const std::string_view run = needle_.substr(at_, end - at_);
    each_pair(run, [this](std::string_view pair) { add(pair, false, false); });
    whole_ = run.size() == needle_.size();
    within_term_ = false;
    at_ = end;
  }

  void take_separator(const Character& here) {
    const bool ascii = here.bytes == 1 && needle_[at_] != '\0';
    if (ascii) add(needle_.substr(at_, 1), true, true);
    whole_ = ascii && needle_.size() == 1;
    within_term_ = within_term_ && open_joiner(at_);
    at_ += here.bytes;
  }

  std::string_view needle_;
  std::size_t at_ = 0;
  TermQuery query_;
  bool whole_ = false;       // the last pattern is the needle
  bool within_term_ = true;  // no character seen that no term holds beside others
};

}  // namespace

TermQuery term_query(std::string_view folded_needle) { return NeedleCutter(folded_needle).cut(); }

}  // namespace hauspost::store
