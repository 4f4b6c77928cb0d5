#include "server/auth/key_source.h"

#include <sys/stat.h>

#include <fmt/format.h>

#include <fstream>
#include <iterator>

#include "base/log.h"

namespace hauspost::auth {

namespace {

constexpr std::chrono::hours kFresh{1};
constexpr std::chrono::hours kUsable{24};
constexpr std::chrono::minutes kBetweenTries{1};
constexpr std::string_view kFetchTimeout_s = "8";  // below the pool's own time-out

// Tells one state of a file from another; empty: there is none.
std::string stamp_of(const std::string& file) {
  struct stat status{};
  if (::stat(file.c_str(), &status) != 0) return {};
  return fmt::format("{}.{}.{}.{}", status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_size,
                     status.st_ino);
}

}  // namespace

KeySource::KeySource(Executor executor, const BearerSettings& settings, HelperPool* fetcher,
                     const Clock& clock)
    : settings_(settings), fetcher_(fetcher), clock_(clock), fetched_(executor) {}

Result<> KeySource::read_file() {
  std::string stamp = stamp_of(settings_.jwks_file);
  if (keys_ && stamp == file_stamp_) return {};
  if (!keys_ && tried_ && stamp == file_stamp_)
    return fail(ErrorCode::kUnavailable, settings_.jwks_file + ": holds no usable keys");
  tried_ = true;
  file_stamp_ = std::move(stamp);
  errno = 0;
  std::ifstream in(settings_.jwks_file, std::ios::binary);
  if (!in) return fail(ErrorCode::kUnavailable, errno_error(settings_.jwks_file).text);
  std::string text(kKeySetMax + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  auto parsed = KeySet::parse(text);
  if (!parsed) return fail(std::move(parsed).error().within(settings_.jwks_file));
  keys_ = std::make_shared<const KeySet>(std::move(*parsed));
  log::info("auth.keys_read", {{"file", settings_.jwks_file}, {"keys", keys_->size()}});
  return {};
}

bool KeySource::wants_fetch(bool miss) const {
  const auto now = clock_.steady();
  if (tried_ && now - tried_at_ < kBetweenTries) return false;
  return !keys_ || miss || now - read_at_ >= kFresh;
}

Task<Result<>> KeySource::read_url() {
  helpers::Fields question = {{"url", settings_.jwks_url},
                              {"ca_file", settings_.jwks_ca_file},
                              {"timeout_s", std::string(kFetchTimeout_s)}};
  CO_TRY_ASSIGN(const helpers::Fields answer, co_await fetcher_->ask(std::move(question)));
  if (helpers::field(answer, helpers::kOutcome) != helpers::kGood) {
    co_return fail(
        ErrorCode::kUnavailable,
        settings_.jwks_url + ": " + std::string(helpers::field(answer, helpers::kReason)));
  }
  auto parsed = KeySet::parse(helpers::field(answer, "body"));
  if (!parsed) co_return fail(std::move(parsed).error().within(settings_.jwks_url));
  keys_ = std::make_shared<const KeySet>(std::move(*parsed));
  read_at_ = clock_.steady();
  log::info("auth.keys_read", {{"url", settings_.jwks_url}, {"keys", keys_->size()}});
  co_return Result<>{};
}

Task<Result<std::shared_ptr<const KeySet>>> KeySource::keys(bool miss) {
  if (!settings_.jwks_file.empty()) {
    if (const auto read = read_file(); !read)
      log::warning("auth.keys_unreadable", {{"cause", read.error()}});
  } else {
    while (fetching_) CO_TRY(co_await fetched_.wait());  // another's fetch serves all
    if (wants_fetch(miss)) {
      fetching_ = true;
      tried_ = true;
      tried_at_ = clock_.steady();
      const auto read = co_await read_url();
      fetching_ = false;
      fetched_.notify_all();
      if (!read) log::warning("auth.keys_unreadable", {{"cause", read.error()}});
    }
    if (keys_ && clock_.steady() - read_at_ >= kUsable) keys_ = nullptr;
  }
  if (!keys_) co_return fail(ErrorCode::kUnavailable, "the issuer's keys are not known");
  co_return keys_;
}

}  // namespace hauspost::auth
