#include "store/mime/addresses.h"

#include <utility>

#include "store/mime/header_scanner.h"
#include "store/mime/lexer.h"

namespace hauspost::mime {

namespace {

class AddressParser {
 public:
  AddressParser(std::string_view raw, std::size_t max)
      : lexer_(raw.substr(0, kFieldBytesMax)), max_(max) {}

  std::vector<Address> parse() {
    while (found_.size() < max_) {
      comment_.clear();
      lexer_.skip_cfws(&comment_);
      if (lexer_.at_end()) break;
      if (lexer_.accept(',')) continue;
      if (lexer_.accept(';')) {
        end_group();
        continue;
      }
      parse_one();
    }
    end_group();
    return std::move(found_);
  }

 private:
  // Words of a phrase or of a local part: the two differ only by what follows.
  struct Words {
    std::string text;
    bool any = false;
  };

  void end_group() {
    if (std::exchange(in_group_, false)) found_.push_back({.kind = Address::Kind::kGroupEnd});
  }

  bool next_is(char c) const { return !lexer_.at_end() && lexer_.peek() == c; }

  Words words(std::string_view stops) {
    Words words;
    for (;;) {
      const bool space = lexer_.skip_cfws(&comment_);
      if (lexer_.at_end() || stops.find(lexer_.peek()) != std::string_view::npos) return words;
      std::string word;
      if (lexer_.peek() == '"') {
        word = lexer_.quoted_string();
      } else {
        word_stops_ = stops;
        word_stops_ += "\"(";
        word = lexer_.word(word_stops_);
        if (word.empty()) lexer_.skip();
      }
      if (words.any && space) words.text += ' ';
      words.text += word;
      words.any = true;
    }
  }

  // mailbox, group or neither; stops before the separator that ends it.
  void parse_one() {
    Words first = words("<>@,;:");
    if (lexer_.accept(':')) {
      // Groups do not nest: the name of one inside another is passed over.
      if (!std::exchange(in_group_, true)) {
        found_.push_back({.kind = Address::Kind::kGroupStart, .name = std::move(first.text)});
      }
      return;
    }
    Address address;
    if (next_is('@')) {
      lexer_.skip();
      address.local = without_dot_spaces(std::move(first.text));
      address.domain = domain();
      lexer_.skip_cfws(&comment_);
      // "a@b <a@b>" is no phrase, but it is common.
      if (next_is('<')) {
        const std::string name = address.local + '@' + address.domain;
        angle_address(address);
        address.name = name;
      }
    } else if (next_is('<')) {
      angle_address(address);
      address.name = std::move(first.text);
    } else {
      address.local = std::move(first.text);
    }
    lexer_.until_separator();
    if (address.name.empty()) address.name = comment_;
    if (address.local.empty() && address.domain.empty() && address.name.empty()) return;
    found_.push_back(std::move(address));
  }

  // "<" [route ":"] addr-spec ">"
  void angle_address(Address& address) {
    lexer_.skip();
    lexer_.skip_cfws();
    if (next_is('@')) {
      for (const char c : lexer_.until(":>;")) {
        if (!is_white(c)) address.route += c;
      }
      lexer_.accept(':');
    }
    address.local = without_dot_spaces(words("<>@,;").text);
    if (lexer_.accept('@')) {
      address.domain = domain();
    } else {
      address.domain.clear();
    }
    lexer_.skip_cfws(&comment_);
    while (!lexer_.at_end() && lexer_.peek() != '>' && lexer_.peek() != ',') lexer_.skip();
    lexer_.accept('>');
  }

  std::string domain() {
    std::string domain;
    lexer_.skip_cfws(&comment_);
    if (next_is('[')) {
      domain = lexer_.until("],;>");
      if (lexer_.accept(']')) domain += ']';
      return domain;
    }
    for (;;) {
      domain += lexer_.word("<>@,;:(\"");
      const bool space = lexer_.skip_cfws(&comment_);
      const bool joined =
          !lexer_.at_end() && (lexer_.peek() == '.' || domain.ends_with('.')) &&
          std::string_view("<>@,;:\"").find(lexer_.peek()) == std::string_view::npos;
      if (!space || !joined) return domain;
    }
  }

  static std::string without_dot_spaces(std::string text) {
    for (std::size_t at = text.find(' '); at != std::string::npos; at = text.find(' ', at)) {
      const bool dot =
          (at > 0 && text[at - 1] == '.') || (at + 1 < text.size() && text[at + 1] == '.');
      if (dot) {
        text.erase(at, 1);
      } else {
        ++at;
      }
    }
    return text;
  }

  Lexer lexer_;
  std::size_t max_;
  std::vector<Address> found_;
  std::string comment_;  // the last one of the address under way
  std::string word_stops_;
  bool in_group_ = false;
};

}  // namespace

std::vector<Address> parse_addresses(std::string_view raw, std::size_t max) {
  return AddressParser(raw, max).parse();
}

}  // namespace hauspost::mime
