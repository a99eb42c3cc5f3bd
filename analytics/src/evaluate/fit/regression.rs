//! Logistic regression with weights that are never negative.

use super::Sample;

/// What a unit of weight costs: drives to zero what hardly helps (L1).
const PENALTY: f64 = 1e-3;
/// What the square of a weight costs, halved: terms that tell the same share it, so a tool that
/// lacks one of them still meets the others (elastic net, Zou and Hastie 2005).
const SHARING: f64 = 5e-3;
/// The most bias: a tenth of a factor of ten against, for a threshold is at least one point.
const MOST_BIAS: f64 = -std::f64::consts::LN_10 / 10.0;
/// Steps; a fixed number, so that the result does not hang on when a limit is met.
const STEPS: u32 = 600;

/// Weights of the shapes, and the evidence before any is seen, in natural units.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Model {
    /// One a term, not negative.
    pub(super) weights: Vec<f64>,
    /// The bias.
    pub(super) bias: f64,
}

/// Minimises the weighted logistic loss plus the penalty, by accelerated projected gradient
/// descent (Beck and Teboulle 2009), in double precision and one order of sums.
pub(super) fn regress(samples: &[Sample]) -> Model {
    let n_terms = samples.iter().map(|sample| sample.shapes.len()).max().unwrap_or(0);
    let steepest = samples.iter().map(|sample| square(&sample.shapes)).fold(0.0, f64::max);
    // The loss curves at most this much: a quarter of the largest square, bias included.
    let step = 1.0 / ((1.0 + steepest) / 4.0 + SHARING);
    let mut model = Model { weights: vec![0.0; n_terms], bias: MOST_BIAS };
    let mut ahead = model.clone();
    let mut pace = 1.0_f64;
    for _ in 0..STEPS {
        let slope = slope(&ahead, samples);
        let mut next = ahead.clone();
        for (weight, down) in next.weights.iter_mut().zip(&slope.weights) {
            *weight = (*weight - step * (down + PENALTY + SHARING * *weight)).max(0.0);
        }
        next.bias = (next.bias - step * slope.bias).min(MOST_BIAS);
        let faster = f64::midpoint(1.0, (1.0 + 4.0 * pace * pace).sqrt());
        let momentum = (pace - 1.0) / faster;
        pace = faster;
        ahead = beyond(&model, &next, momentum);
        model = next;
    }
    model
}

/// `next`, and as far again as `momentum` says.
fn beyond(model: &Model, next: &Model, momentum: f64) -> Model {
    let on = |old: f64, new: f64| new + momentum * (new - old);
    let pairs = model.weights.iter().zip(&next.weights);
    Model {
        weights: pairs.map(|(old, new)| on(*old, *new)).collect(),
        bias: on(model.bias, next.bias),
    }
}

/// The slope of the loss.
fn slope(model: &Model, samples: &[Sample]) -> Model {
    let mut slope = Model { weights: vec![0.0; model.weights.len()], bias: 0.0 };
    for sample in samples {
        let pairs = sample.shapes.iter().zip(&model.weights);
        let evidence = model.bias + pairs.map(|(shape, weight)| shape * weight).sum::<f64>();
        let truth = if sample.attack { 1.0 } else { 0.0 };
        let miss = sample.weight * (1.0 / (1.0 + (-evidence).exp()) - truth);
        slope.bias += miss;
        for (down, shape) in slope.weights.iter_mut().zip(&sample.shapes) {
            *down += miss * shape;
        }
    }
    slope
}

fn square(shapes: &[f64]) -> f64 {
    shapes.iter().map(|shape| shape * shape).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(shapes: [f64; 3], attack: bool) -> Sample {
        Sample { shapes: shapes.to_vec(), attack, weight: 0.125 }
    }

    /// The first shape tells, the second tells the wrong way round, the third tells nothing.
    fn told() -> Vec<Sample> {
        let mut samples = Vec::new();
        for third in [0.0, 1.0] {
            samples.push(sample([1.0, 0.0, third], true));
            samples.push(sample([0.8, 0.2, third], true));
            samples.push(sample([0.1, 1.0, third], false));
            samples.push(sample([0.3, 0.9, third], false));
        }
        samples
    }

    #[test]
    fn what_tells_gets_weight_and_what_misleads_or_tells_nothing_gets_none() {
        let model = regress(&told());
        assert!(model.weights[0] > 2.0, "{model:?}");
        assert!(model.weights[1].abs() < 1e-12 && model.weights[2] < 0.2, "{model:?}");
        assert!(model.bias <= MOST_BIAS);
    }

    #[test]
    fn no_small_move_makes_the_loss_smaller() {
        let loss = |model: &Model| {
            let of = |sample: &Sample| {
                let pairs = sample.shapes.iter().zip(&model.weights);
                let evidence = model.bias + pairs.map(|(x, w)| x * w).sum::<f64>();
                let sign = if sample.attack { -1.0 } else { 1.0 };
                sample.weight * (sign * evidence).exp().ln_1p()
            };
            let cost = |w: &f64| PENALTY * w + SHARING * w * w / 2.0;
            told().iter().map(of).sum::<f64>() + model.weights.iter().map(cost).sum::<f64>()
        };
        let model = regress(&told());
        for term in 0..3 {
            for by in [0.05, -0.05] {
                let mut moved = model.clone();
                moved.weights[term] = (moved.weights[term] + by).max(0.0);
                assert!(loss(&moved) >= loss(&model) - 1e-6, "term {term} by {by}");
            }
        }
    }
}
