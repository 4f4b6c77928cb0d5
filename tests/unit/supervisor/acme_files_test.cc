#include "server/supervisor/acme_files.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "base/durable_file.h"
#include "tests/unit/temp_folder.h"

namespace hauspost::supervisor {

TEST_CASE("acme files: an account has one key, and another server another") {
  test::TempFolder folder;
  const AcmeFiles files(folder / ".");
  const auto first = files.account_key("https://a.example/dir");
  REQUIRE(first);
  CHECK(files.account_key("https://a.example/dir")->x() == first->x());
  CHECK(files.account_key("https://b.example/dir")->x() != first->x());
  REQUIRE(files.keep_eab_key("mail.example.org", Secret("abc")));
  CHECK(files.eab_key("mail.example.org")->reveal() == "abc");
  struct stat status{};
  REQUIRE(::stat((folder / "./secrets/acme/mail.example.org.eab").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  REQUIRE(files.forget("mail.example.org"));
  CHECK(files.eab_key("mail.example.org").error().code == ErrorCode::kNotFound);
}

TEST_CASE("acme files: certificate and key change together, and come back together") {
  test::TempFolder folder;
  const AcmeFiles files(folder / ".");
  CHECK(files.certificate("m.example").error().code == ErrorCode::kNotFound);
  REQUIRE(files.install("m.example", "certificate 1\n", "key 1\n"));
  CHECK(files.certificate("m.example")->reveal() == "certificate 1\nkey 1\n");
  REQUIRE(files.install("m.example", "certificate 2", "key 2\n"));
  CHECK(files.certificate("m.example")->reveal() == "certificate 2\nkey 2\n");
  CHECK(files.take_back("m.example").value());
  CHECK(files.certificate("m.example")->reveal() == "certificate 1\nkey 1\n");
  REQUIRE(files.install("n.example", "certificate", "key"));
  CHECK_FALSE(files.take_back("n.example").value());
  CHECK_FALSE(files.certificate("n.example"));
}

TEST_CASE("acme files: a state is kept, and one that cannot be read is as new") {
  test::TempFolder folder;
  const AcmeFiles files(folder / ".");
  AcmeState state{.last_try_s = 1,
                  .next_try_s = 2,
                  .issued_s = 3,
                  .not_before_s = 4,
                  .not_after_s = 5,
                  .failures = 6,
                  .unfinished = 7,
                  .error = "caf\xff \"x\"",
                  .error_type = "rateLimited"};
  REQUIRE(files.keep_state("m.example", state));
  const AcmeState again = files.state("m.example");
  CHECK(again.next_try_s == 2);
  CHECK(again.failures == 6);
  CHECK(again.unfinished == 7);
  CHECK(again.error_type == "rateLimited");
  CHECK(again.error.starts_with("caf"));
  REQUIRE(
      replace_file(folder / "./tls/acme/m.example.json", R"({"failures": "many", "next_try_s")"));
  CHECK(files.state("m.example").failures == 0);
}

TEST_CASE("acme: the next certificate is ordered at two thirds of the life, about") {
  CHECK(acme_renewal_s(0, 90 * 86'400, 0.5) == 60 * 86'400);
  for (const double share : {0.0, 0.3, 0.999}) {
    const auto at = acme_renewal_s(1000, 1000 + 90 * 86'400, share);
    CHECK(at > 1000 + 58 * 86'400);
    CHECK(at < 1000 + 62 * 86'400);
  }
  CHECK(acme_renewal_s(0, 30, 0.0) < 30);
}

TEST_CASE("acme: pauses after failures double up to a day") {
  CHECK(acme_pause_s(1, 0) == 300);
  CHECK(acme_pause_s(2, 0) == 600);
  CHECK(acme_pause_s(4, 0) == 2400);
  CHECK(acme_pause_s(40, 0) == 86'400);
  CHECK(acme_pause_s(4'000'000'000, 0.999) < 96'000);
  CHECK(acme_pause_s(1, 0.999) < 330);
}

}  // namespace hauspost::supervisor
