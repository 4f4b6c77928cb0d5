#include "store/mime/lexer.h"

namespace hauspost::mime {

bool Lexer::accept(char c) {
  if (at_end() || peek() != c) return false;
  skip();
  return true;
}

bool Lexer::skip_cfws(std::string* comment) {
  const std::size_t start = at_;
  while (!at_end()) {
    if (is_white(peek())) {
      skip();
    } else if (peek() == '(') {
      skip_comment(comment);
    } else {
      break;
    }
  }
  return at_ != start;
}

void Lexer::skip_comment(std::string* comment) {
  if (comment != nullptr) comment->clear();
  std::size_t depth = 0;
  while (!at_end()) {
    char c = peek();
    skip();
    if (c == '(' && ++depth == 1) continue;
    if (c == ')' && --depth == 0) return;
    if (c == '\\' && !at_end()) {
      c = peek();
      skip();
    }
    if (comment != nullptr && c != '\r' && c != '\n') *comment += c;
  }
}

std::string Lexer::quoted_string() {
  std::string out;
  skip();
  while (!at_end()) {
    char c = peek();
    skip();
    if (c == '"') break;
    if (c == '\\' && !at_end()) {
      c = peek();
      skip();
    }
    if (c != '\r' && c != '\n') out += c;
  }
  return out;
}

std::string_view Lexer::word(std::string_view stops) {
  const std::size_t start = at_;
  while (!at_end() && !is_white(peek()) && stops.find(peek()) == std::string_view::npos) skip();
  return text_.substr(start, at_ - start);
}

std::string_view Lexer::until(std::string_view stops) {
  const std::size_t start = at_;
  const std::size_t stop = text_.find_first_of(stops, at_);
  at_ = stop == std::string_view::npos ? text_.size() : stop;
  return text_.substr(start, at_ - start);
}

void Lexer::until_separator() {
  for (;;) {
    skip_cfws();
    if (at_end() || peek() == ',' || peek() == ';') return;
    if (peek() == '"') {
      quoted_string();
    } else {
      skip();
    }
  }
}

bool is_token(std::string_view text) {
  constexpr std::string_view kSpecials = "()<>@,;:\\\"/[]?=";
  for (const char c : text) {
    if (c <= 32 || c >= 127 || kSpecials.find(c) != std::string_view::npos) return false;
  }
  return !text.empty();
}

}  // namespace hauspost::mime
