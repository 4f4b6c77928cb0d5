#include "transport/filter/milter_client.h"

#include <fmt/format.h>

namespace hauspost::transport::milter {

namespace {

using Kind = Answer::Kind;

constexpr std::size_t kChangesMax = 10'000;  // of one message

std::string macro_packet(char letter, const Macros& macros) {
  if (macros.empty()) return {};
  std::string data(1, letter);
  for (const auto& [name, value] : macros) data += texts({name, value});
  return packet('D', data);
}

std::string join(const std::vector<std::string>& arguments) {
  std::string out;
  for (const std::string& argument : arguments) out += texts({argument});
  return out;
}

}  // namespace

MilterClient::MilterClient(std::unique_ptr<Stream> stream, const Milter& settings)
    : stream_(std::move(stream)), settings_(settings) {}

Task<Result<>> MilterClient::send(std::string bytes) {
  if (broken_) co_return fail(ErrorCode::kUnavailable, "the filter is gone");
  auto sent = co_await stream_->write(bytes);
  if (!sent) broken_ = true;
  co_return sent;
}

Task<Result<>> MilterClient::read_more() {
  char buffer[16 * 1024];
  auto got = co_await stream_->read_some(buffer);
  if (!got || *got == 0) {
    broken_ = true;
    if (!got) co_return fail(std::move(got).error());
    co_return fail(ErrorCode::kUnavailable, "the filter closed the connection");
  }
  input_.append(buffer, *got);
  co_return Result<>{};
}

Task<Result<Answer>> MilterClient::receive() {
  while (!broken_) {
    if (auto whole = take_packet(input_, broken_)) {
      if (auto answer = parse_answer(*whole)) co_return std::move(*answer);
      broken_ = true;
    }
    if (broken_) co_return fail(ErrorCode::kInvalid, "the filter's answer is not of the protocol");
    CO_TRY(co_await read_more());
  }
  co_return fail(ErrorCode::kUnavailable, "the filter is gone");
}

Task<Result<>> MilterClient::negotiate() {
  stream_->set_timeout(Seconds(settings_.command_s));
  CO_TRY(co_await send(packet('O', number(kVersion) + number(kAllActions) + number(kAllSteps))));
  for (;;) {
    if (auto whole = take_packet(input_, broken_)) {
      const auto options = whole->letter == 'O' ? parse_options(whole->data) : std::nullopt;
      const bool suits = options && options->version >= kVersionLeast &&
                         options->version <= kVersion && (options->actions & ~kAllActions) == 0 &&
                         (options->steps & ~kAllSteps) == 0;
      if (!suits) {
        broken_ = true;
        co_return fail(ErrorCode::kInvalid, "the filter wants what is not offered");
      }
      options_ = *options;
      co_return Result<>{};
    }
    if (broken_) co_return fail(ErrorCode::kInvalid, "this is not the milter protocol");
    CO_TRY(co_await read_more());
  }
}

// Answers until one ends the step.
Task<Result<Verdict>> MilterClient::verdict(Duration timeout) {
  Verdict out;
  stream_->set_timeout(timeout);
  for (;;) {
    CO_TRY_ASSIGN(Answer answer, co_await receive());
    if (answer.kind == Kind::kProgress) continue;
    if (answer.is_change()) {
      if (out.changes.size() == kChangesMax) {
        broken_ = true;
        co_return fail(ErrorCode::kExhausted, "the filter wants too many changes");
      }
      out.changes.push_back(std::move(answer));
      continue;
    }
    out.kind = answer.kind;
    out.reply = std::move(answer.reply);
    co_return out;
  }
}

Task<Result<Verdict>> MilterClient::step(Step step, std::string data, Macros macros) {
  if ((options_.steps & step.unwanted) != 0) co_return Verdict{};
  CO_TRY(co_await send(macro_packet(step.letter, macros) + packet(step.letter, data)));
  if (step.silent != 0 && (options_.steps & step.silent) != 0) co_return Verdict{};
  co_return co_await verdict(Seconds(settings_.command_s));
}

Task<Result<Verdict>> MilterClient::connect(std::string name, std::string address,
                                            std::uint16_t port, Macros macros) {
  std::string data = texts({name});
  if (address.empty()) {
    data += 'U';
  } else {
    data += address.contains(':') ? '6' : '4';
    data += static_cast<char>(port >> 8);
    data += static_cast<char>(port & 0xff);
    data += texts({address});
  }
  co_return co_await step({'C', kNoConnect, kSilentConnect}, std::move(data), std::move(macros));
}

Task<Result<Verdict>> MilterClient::hello(std::string name, Macros macros) {
  co_return co_await step({'H', kNoHello, kSilentHello}, texts({name}), std::move(macros));
}

Task<Result<Verdict>> MilterClient::mail(std::vector<std::string> arguments, Macros macros) {
  co_return co_await step({'M', kNoMail, kSilentMail}, join(arguments), std::move(macros));
}

Task<Result<Verdict>> MilterClient::rcpt(std::vector<std::string> arguments, Macros macros) {
  co_return co_await step({'R', kNoRcpt, kSilentRcpt}, join(arguments), std::move(macros));
}

// nullopt: go on.
Task<Result<std::optional<Verdict>>> MilterClient::send_header(
    const std::vector<HeaderField>& header) {
  const bool silent = (options_.steps & kSilentHeaders) != 0;
  if ((options_.steps & kNoHeaders) == 0) {
    std::string pending;  // a silent filter hears them all at once
    for (const HeaderField& field : header) {
      std::string_view value = field.value;
      if ((options_.steps & kLeadingSpace) == 0 && value.starts_with(' ')) value.remove_prefix(1);
      pending += packet('L', texts({field.name, value}));
      if (silent && pending.size() < kChunkBytes) continue;
      CO_TRY(co_await send(std::exchange(pending, {})));
      if (silent) continue;
      CO_TRY_ASSIGN(Verdict said, co_await verdict(Seconds(settings_.command_s)));
      if (said.kind != Kind::kContinue) co_return std::optional(std::move(said));
    }
    if (!pending.empty()) CO_TRY(co_await send(std::move(pending)));
  }
  CO_TRY_ASSIGN(Verdict said,
                co_await step({'N', kNoEndOfHeaders, kSilentEndOfHeaders}, {}, Macros()));
  if (said.kind != Kind::kContinue) co_return std::optional(std::move(said));
  co_return std::optional<Verdict>();
}

Task<Result<std::optional<Verdict>>> MilterClient::send_body(std::string_view body) {
  if ((options_.steps & kNoBody) != 0) co_return std::optional<Verdict>();
  while (!body.empty()) {
    const std::string_view chunk = body.substr(0, kChunkBytes);
    body.remove_prefix(chunk.size());
    CO_TRY_ASSIGN(Verdict said,
                  co_await step({'B', kNoBody, kSilentBody}, std::string(chunk), Macros()));
    if (said.kind == Kind::kSkip) break;
    if (said.kind != Kind::kContinue) co_return std::optional(std::move(said));
  }
  co_return std::optional<Verdict>();
}

Task<Result<Verdict>> MilterClient::message(std::vector<HeaderField> header, std::string_view body,
                                            Macros macros) {
  if (options_.version > 3) {
    CO_TRY_ASSIGN(Verdict said, co_await step({'T', kNoData, kSilentData}, {}, macros));
    if (said.kind != Kind::kContinue) co_return said;
  }
  CO_TRY_ASSIGN(auto ended, co_await send_header(header));
  if (ended) co_return std::move(*ended);
  CO_TRY_ASSIGN(ended, co_await send_body(body));
  if (ended) co_return std::move(*ended);
  CO_TRY(co_await send(macro_packet('E', macros) + packet('E')));
  co_return co_await verdict(Seconds(settings_.end_s));
}

Task<Result<>> MilterClient::abort() { co_return co_await send(packet('A')); }

Task<void> MilterClient::quit() {
  stream_->set_timeout(Milliseconds(500));
  [[maybe_unused]] const auto told = co_await send(packet('Q'));
  broken_ = true;
  stream_->close();
}

}  // namespace hauspost::transport::milter
