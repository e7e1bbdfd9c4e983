/** Upper tail of the χ² distribution: P(X > x) with `degrees` degrees of freedom. */
export function chiSquareTail(x: number, degrees: number): number {
  if (!(x > 0)) return x === 0 ? 1 : Number.NaN;
  return upperGamma(degrees / 2, x / 2);
}

/** Two-sided p of Student's t: P(|T| > |t|) with `degrees` degrees of freedom. */
export function studentTwoSided(t: number, degrees: number): number {
  if (Number.isNaN(t) || !(degrees > 0)) return Number.NaN;
  if (!Number.isFinite(t)) return 0;
  const squared = t * t;
  // I_x(ν/2, 1/2) at x = ν / (ν + t²) (Abramowitz and Stegun 26.5.27)
  return betaRatio(degrees / (degrees + squared), squared / (degrees + squared), degrees / 2, 0.5);
}

const LANCZOS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
] as const;

/** Natural logarithm of Γ(x), x > 0 (Lanczos's series with g = 7, nine terms; relative error about 1e-15). */
export function logGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
  let sum: number = LANCZOS[0];
  for (let i = 1; i < LANCZOS.length; i++) sum += LANCZOS[i]! / (x - 1 + i);
  const t = x + 6.5;
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum);
}

const TINY = 1e-300;
const PRECISION = 1e-16;
const MOST_TERMS = 10_000;

/** Γ(a, x) / Γ(a): the power series below x = a + 1, the continued fraction above (A&S 6.5.29, 6.5.31). */
function upperGamma(a: number, x: number): number {
  const front = Math.exp(a * Math.log(x) - x - logGamma(a));
  if (x < a + 1) {
    let term = 1 / a;
    let sum = term;
    for (let n = 1; n < MOST_TERMS && term > sum * PRECISION; n++) {
      term *= x / (a + n);
      sum += term;
    }
    return 1 - front * sum;
  }
  const fraction = continued(
    x + 1 - a,
    (n) => -n * (n - a),
    (n) => x + 1 - a + 2 * n,
  );
  return front / fraction;
}

/**
 * Regularised incomplete beta function I_x(a, b) by its continued fraction (A&S 26.5.8). `y` is 1 − x, given apart so
 * that neither loses digits.
 */
function betaRatio(x: number, y: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (y <= 0) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - betaRatio(y, x, b, a);
  const front = Math.exp(a * Math.log(x) + b * Math.log(y) + logGamma(a + b) - logGamma(a) - logGamma(b)) / a;
  const numerator = (n: number): number => {
    const m = Math.floor(n / 2);
    if (n % 2 === 1) return (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    return (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
  };
  return front / continued(1, numerator, () => 1);
}

/** b0 + a1/(b1 + a2/(b2 + …)) by Lentz's method; the beta fraction's numerators start at n = 1 with m = 0. */
function continued(b0: number, a: (n: number) => number, b: (n: number) => number): number {
  let value = b0 === 0 ? TINY : b0;
  let c = value;
  let d = 0;
  for (let n = 1; n < MOST_TERMS; n++) {
    d = b(n) + a(n) * d;
    c = b(n) + a(n) / c;
    d = 1 / (d === 0 ? TINY : d);
    if (c === 0) c = TINY;
    const step = c * d;
    value *= step;
    if (Math.abs(step - 1) < PRECISION) break;
  }
  return value;
}
