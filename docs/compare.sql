-- 20 completed runs of 100 000 updates, for the figures of docs/evaluation.md under "Comparing many runs":
--   start the server once so that the database exists, stop it, then
--   sqlite3 data/webdistill.db < docs/compare.sql
BEGIN;
CREATE TEMP TABLE fresh (Id TEXT PRIMARY KEY, Number INTEGER);
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 20)
INSERT INTO fresh SELECT printf('C0FFEE00-0000-4000-8000-%012X', n), n FROM numbers;
INSERT INTO Runs (Id, Name, Kind, Status, Step, TotalSteps, OptionsJson, QueueOrder, CreatedAt, Attempt, AttemptFromStep, FruitlessAttempts, TrainedSeconds)
SELECT Id, 'Long run ' || Number, 'Distillation', 'Completed', 100000, 100000, json_object('learningRate', Number * 1e-4), Number,
       datetime('now', Number || ' seconds'), 1, 0, 0, 5000 FROM fresh;
WITH RECURSIVE steps(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM steps WHERE n < 100000)
INSERT INTO StepMetrics (RunId, Step, Attempt, Epoch, TokensSeen, TotalLoss, DistillationCeNatsPerToken, CausalLmNatsPerToken, CosineDistance,
                         LearningRate, GradientNorm, TokensPerSecond, StepSeconds, MemoryBytes, ValidationPerplexity)
SELECT fresh.Id, n, 1, n / 1e5, n * 2048,
       3 + 60.0 / (n + 10 * Number) + abs(random() % 1000) / 3000.0, 2 + 40.0 / (n + 10 * Number) + abs(random() % 1000) / 4000.0,
       1 + 20.0 / (n + 10 * Number) + abs(random() % 1000) / 5000.0, 0.1 + 1.0 / n, Number * 1e-4, 1 + abs(random() % 1000) / 900.0,
       41000 + random() % 3000, 0.05 + abs(random() % 1000) / 1e5, 600000000 + n, CASE WHEN n % 500 = 0 THEN 15 + Number + 9000.0 / n END
FROM fresh, steps;
COMMIT;
SELECT count(*) || ' runs: /compare?runs=' || group_concat(lower(replace(Id, '-', '')), ',') FROM fresh;
